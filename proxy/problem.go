package proxy

import "encoding/json"

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
	CauseOverloaded: {
		Status: 503, Title: "Overloaded",
		Detail: "The load balancer has no descriptor or port left for a connection to a backend.",
	},
}
