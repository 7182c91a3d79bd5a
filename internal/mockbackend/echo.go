package mockbackend

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"
)

// maxEcho is the longest body that /echo takes.
const maxEcho = 1 << 20

// Echo is the JSON that /echo answers with: the request as this backend saw it.
type Echo struct {
	Container string `json:"container"`
	Method    string `json:"method"`
	Proto     string `json:"proto"`
	Host      string `json:"host"`
	// Path and Query are byte for byte what stood in the request line.
	Path    string      `json:"path"`
	Query   string      `json:"query"`
	Headers http.Header `json:"headers"`
	// Remote is the address of the peer: the balancer's.
	Remote string `json:"remote"`
	// ContentLength is -1 when the length was not announced.
	ContentLength    int64    `json:"content_length"`
	TransferEncoding []string `json:"transfer_encoding,omitempty"`
	// Body is the body when it is text, BodyBytes when it is not.
	Body      string `json:"body"`
	BodyBytes []byte `json:"body_bytes,omitempty"`
}

func (b *backend) echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxEcho))
	if err != nil {
		if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong {
			http.Error(w, "body: at most 1 MiB is echoed", http.StatusRequestEntityTooLarge)
			return
		}
		badRequest(w, err)
		return
	}
	path, query, _ := strings.Cut(r.RequestURI, "?")
	e := Echo{
		Container:        b.options.Name,
		Method:           r.Method,
		Proto:            r.Proto,
		Host:             r.Host,
		Path:             path,
		Query:            query,
		Headers:          r.Header,
		Remote:           r.RemoteAddr,
		ContentLength:    r.ContentLength,
		TransferEncoding: r.TransferEncoding,
	}
	if utf8.Valid(body) {
		e.Body = string(body)
	} else {
		e.BodyBytes = body
	}
	writeJSON(w, http.StatusOK, e)
}
