package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// ambiguity says how two readers differ on the same bytes; empty if all that don't refuse them agree.
func ambiguity(b []byte, answered []string, ended bool) string {
	names := []string{strictly.name}
	readings := []reading{strictly.read(b, answered, ended)}
	for _, h := range loose {
		names = append(names, h.name)
		readings = append(readings, h.read(b, answered, ended))
	}
	names = append(names, "net/http")
	readings = append(readings, readNetHTTP(b, answered))
	for i := range readings {
		for j := range i {
			if why := differ(readings[j], readings[i]); why != "" {
				return fmt.Sprintf("%s / %s: %s", names[j], names[i], why)
			}
		}
	}
	return ""
}

// differ compares what both have read. Who refuses the rest is not misled by it.
func differ(a, b reading) string {
	for i := range min(len(a.messages), len(b.messages)) {
		x, y := a.messages[i], b.messages[i]
		// The message at which one refuses has no meaning for it.
		if x.means(y) || a.refused != "" && !x.whole || b.refused != "" && !y.whole {
			continue
		}
		return fmt.Sprintf("%s or %s", x, y)
	}
	if a.refused == "" && b.refused == "" && len(a.messages) != len(b.messages) {
		return fmt.Sprintf("%d messages or %d", len(a.messages), len(b.messages))
	}
	return ""
}

// String is short: it is for a table.
func (m message) String() string {
	var s strings.Builder
	if m.status > 0 {
		fmt.Fprintf(&s, "%d", m.status)
	} else {
		fmt.Fprintf(&s, "%s %s at %s", m.method, shorten(m.target), shorten(m.host))
	}
	if m.body != "" || m.framing != "none" {
		fmt.Fprintf(&s, " with %q", shorten(m.body))
	}
	if !m.whole {
		s.WriteString(" and more to come")
	}
	return s.String()
}

func shorten(s string) string {
	const most = 24
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

// readNetHTTP reads as Go's net/http does: a real server among the made up ones.
func readNetHTTP(b []byte, answered []string) reading {
	var r reading
	buffered := bufio.NewReader(bytes.NewReader(b))
	for {
		if _, err := buffered.Peek(1); err != nil {
			return r
		}
		m, err := nextNetHTTP(buffered, answered, final(r.messages))
		switch {
		case errors.Is(err, io.ErrUnexpectedEOF) && m.framing == "", errors.Is(err, io.EOF):
			return r
		case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
			r.refused = err.Error()
			return r
		}
		r.messages = append(r.messages, m)
		if !m.whole {
			return r
		}
	}
}

// nextNetHTTP has no framing if there was no head.
func nextNetHTTP(buffered *bufio.Reader, answered []string, n int) (message, error) {
	var m message
	var body io.ReadCloser
	if answered == nil {
		request, err := http.ReadRequest(buffered)
		if err != nil {
			return m, err
		}
		m.method, m.target, m.host = request.Method, request.RequestURI, strings.ToLower(request.Host)
		m.framing, body = framing(request.ContentLength, request.TransferEncoding), request.Body
	} else {
		to := &http.Request{Method: answered[min(n, len(answered)-1)]}
		answer, err := http.ReadResponse(buffered, to) //nolint:bodyclose // It is, below, as that of a request.
		if err != nil {
			return m, err
		}
		m.status = answer.StatusCode
		m.framing, body = framing(answer.ContentLength, answer.TransferEncoding), answer.Body
		if body == http.NoBody {
			m.framing = "none"
		}
		if m.status == http.StatusSwitchingProtocols {
			m.framing, body = "close", io.NopCloser(buffered) // What follows is not net/http's to read.
		}
	}
	content, err := io.ReadAll(body)
	m.body, m.whole = string(content), err == nil
	if errClose := body.Close(); err == nil {
		err = errClose
	}
	return m, err
}

func framing(length int64, codings []string) string {
	switch {
	case len(codings) > 0:
		return "chunked"
	case length > 0:
		return "length"
	}
	return "none"
}
