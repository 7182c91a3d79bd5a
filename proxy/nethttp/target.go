package nethttp

import (
	"net/http"
	"net/url"
	"strings"
)

// target is where a request goes, as it was written.
type target struct {
	raw   string // The path, still escaped, without what was stripped.
	query string // Without its question mark.
	// mark says that there is a question mark without a query.
	mark bool
}

// targetOf reads the target of a request. It is false for paths that are not below strip, and for
// those that servers read in different ways: with a #, a space or a control character.
func targetOf(r *http.Request, strip string) (target, bool) {
	if asterisk(r) {
		return target{raw: "*"}, strip == ""
	}
	raw, ok := rawPath(r)
	if !ok {
		return target{}, false
	}
	raw, ok = strings.CutPrefix(raw, strip)
	switch {
	case !ok || raw != "" && raw[0] != '/':
		return target{}, false
	case raw == "":
		raw = "/"
	}
	t := target{raw: raw, query: r.URL.RawQuery, mark: r.URL.ForceQuery}
	return t, t.set(&url.URL{})
}

// Target is a request's path and query as they were written, also where the target is in absolute-form.
func Target(r *http.Request) (string, bool) {
	path, ok := rawPath(r)
	if _, query, asked := strings.Cut(r.RequestURI, "?"); asked {
		path += "?" + query
	}
	return path, ok
}

// asterisk says that a request is for the server as a whole, and has no path: also if it is for a host alone, which the
// last proxy makes the same of (RFC 9112 3.2.4).
func asterisk(r *http.Request) bool {
	if r.Method != http.MethodOptions {
		return false
	}
	_, host, ok := strings.Cut(r.RequestURI, "://")
	return r.RequestURI == "*" || ok && r.RequestURI[0] != '/' && !strings.ContainsAny(host, "/?")
}

// rawPath is a request's path as it was written.
func rawPath(r *http.Request) (string, bool) {
	raw := r.RequestURI
	if raw == "" {
		raw = r.URL.EscapedPath()
	}
	raw, _, _ = strings.Cut(raw, "?")
	if !strings.HasPrefix(raw, "/") { // Absolute form, as proxies are asked.
		_, rest, ok := strings.Cut(raw, "://")
		if !ok {
			return "", false
		}
		raw = "/"
		if i := strings.IndexByte(rest, '/'); i >= 0 {
			raw = rest[i:]
		}
	}
	for i := range len(raw) {
		if c := raw[i]; c <= ' ' || c == '#' || c == 0x7f {
			return "", false
		}
	}
	return raw, true
}

// set makes u request the target byte for byte. It is false if url.URL can't be brought to that: for
// a path that begins with // and has bytes that should have been escaped.
func (t target) set(u *url.URL) bool {
	path, err := url.PathUnescape(t.raw)
	if err != nil {
		return false
	}
	u.Path, u.RawPath, u.Opaque = path, t.raw, ""
	u.RawQuery, u.ForceQuery = t.query, t.mark
	if u.EscapedPath() == t.raw {
		return true
	}
	// Opaque is written as it is, unless it begins with //, which would name a host.
	u.Opaque = t.raw
	return !strings.HasPrefix(t.raw, "//")
}
