package proxy

import (
	"encoding/json"
	"time"
)

// Problem is the body of an answer of Ballast's own (RFC 9457), for any front to send.
type Problem struct {
	// Type is a URN that ends with the slug of X-Ballast-Error.
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

// NewProblem returns a problem; slug says to programs what it is, title and detail to people.
func NewProblem(status int, slug, title, detail string) Problem {
	return Problem{Type: "urn:ballast:error:" + slug, Title: title, Status: status, Detail: detail}
}

// Problem is what a request that ended so is answered, where an answer is due.
func (c Cause) Problem() Problem {
	p := problems[c]
	return NewProblem(p.Status, c.String(), p.Title, p.Detail)
}

// Problem is what this request is answered if it ends so, and when the client may come again, if that is known.
func (x *Exchange) Problem(cause Cause) (p Problem, wait time.Duration) {
	p = cause.Problem()
	if x.outlook == nil || cause != CauseNotComing && cause != CauseWaiting {
		return p, 0
	}
	if cause == CauseNotComing {
		p.Detail = x.outlook.Why
	}
	return p, x.outlook.left(x.pool.core.since())
}

// RetryAfter is how many whole seconds a client is asked to wait before it comes again: as many as wait takes, if
// that is known, and 0 where there is no point in it.
func (p Problem) RetryAfter(wait time.Duration) int {
	switch p.Status {
	case 429, 503:
		return max(1, int((wait+time.Second-1)/time.Second))
	}
	return 0
}

// AllowedMethods is for the Allow of a 405.
const AllowedMethods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"

// JSON is the body as it is sent.
func (p Problem) JSON() []byte {
	text, err := json.Marshal(p)
	if err != nil {
		return nil // Strings and a number: it can't be.
	}
	return text
}

// problems says what each cause is answered with. None tells anything of what is behind Ballast.
var problems = map[Cause]Problem{
	CauseNoBackend: {
		Status: 503, Title: "No backend is available",
		Detail: "None of the containers that serve this can take requests at the moment.",
	},
	CauseConnectFailed: {
		Status: 502, Title: "Backend not reached",
		Detail: "No connection to a backend could be made.",
	},
	CauseNoAnswer: {
		Status: 502, Title: "No answer from the backend",
		Detail: "The backend closed the connection before it answered.",
	},
	CauseBadResponse: {
		Status: 502, Title: "Bad answer from the backend",
		Detail: "The backend gave an answer that can't be passed on.",
	},
	CauseTimeout: {
		Status: 504, Title: "Backend too slow",
		Detail: "The backend did not answer in time.",
	},
	CauseBadRequest: {
		Status: 400, Title: "Bad request",
		Detail: "The request's path can't be forwarded, or its body broke off or was malformed.",
	},
	CauseMethod: {
		Status: 405, Title: "Method not allowed",
		Detail: "CONNECT and TRACE are not forwarded.",
	},
	CauseShutdown: {
		Status: 503, Title: "Shutting down",
		Detail: "The load balancer is shutting down and could not wait for the answer.",
	},
	CauseQueueFull: {
		Status: 503, Title: "Too many requests are waiting",
		Detail: "All backends are busy or still starting, and too many requests wait for one already.",
	},
	CauseQueueTimeout: {
		Status: 504, Title: "No backend was free in time",
		Detail: "All backends were busy, or none had started, for as long as the request could wait.",
	},
	CauseRateLimited: {
		Status: 429, Title: "Too many requests",
		Detail: "This client sends more requests than it may. Retry-After says when the next will pass.",
	},
	CauseTooManyFields: {
		Status: 431, Title: "Request header fields too large",
		Detail: "The request has too many header fields, or too long ones.",
	},
	CauseNotFound: {
		Status: 404, Title: "Not found",
		Detail: "Nothing is served for this host and path.",
	},
	CauseLoop: {
		Status: 508, Title: "Loop detected",
		Detail: "The request has come by this load balancer too often: a backend seems to send it back.",
	},
	CauseBadHead: {
		Status: 400, Title: "Bad request",
		Detail: "The request's head can't be read.",
	},
	CauseRefused: {
		Status: 502, Title: "Refused by the backend",
		Detail: "The backend ended the connection, for something that it was sent was not to its taste.",
	},
	CauseNotComing: {
		Status: 503, Title: "No capacity",
		Detail: "No container runs that could take the request, and none is going to be started.",
	},
	CauseWaiting: {
		Status: 503, Title: "Starting",
		Detail: "Containers that serve this are being started. The page opens when the first is ready.",
	},
	CauseOverloaded: {
		Status: 503, Title: "Overloaded",
		Detail: "The load balancer has no descriptor or port left for a connection to a backend.",
	},
}
