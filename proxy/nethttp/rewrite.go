package nethttp

import (
	"net/http"
	"net/http/httputil"
	"strings"
)

// rewrite makes the request to a backend of the one that came in. Hop-by-hop headers are gone
// already, so that none of ours can be among those a client asked to remove.
func rewrite(p *httputil.ProxyRequest) {
	e := exchangeOf(p.In.Context())
	out := p.Out
	e.target.set(out.URL)
	out.Host = p.In.Host
	if !e.upgrade {
		out.Header.Del("Connection")
		out.Header.Del("Upgrade")
	}
	strip(out.Header)
	setKeys(p.In.Method, out.Header)
	e.forward(out.Header, p.In)
}

// setKeys has the transport take a request for one that may be sent twice because of its method alone, when a kept connection
// ends. It looks for keys of the client's under names as net/http writes them; on the wire capitals mean nothing. It does not
// know of PUT and DELETE by itself (RFC 9110 9.2.2); a key without values is not sent. Whether there is a body left to send
// is for GetBody to say.
func setKeys(method string, h http.Header) {
	for _, name := range []string{"Idempotency-Key", "X-Idempotency-Key"} {
		if lines, ok := h[name]; ok {
			delete(h, name)
			h[strings.ToLower(name)] = lines
		}
	}
	if method == http.MethodPut || method == http.MethodDelete {
		h["X-Idempotency-Key"] = []string{}
	}
}

// wantsWebSocket says whether a request asks for the one upgrade that is passed on. With a body it is
// none: the transport would go on reading that from a connection which is the upgrade's.
func wantsWebSocket(r *http.Request) bool {
	if r.ProtoMajor != 1 || r.Method != http.MethodGet || r.ContentLength != 0 {
		return false
	}
	upgrades := r.Header["Upgrade"]
	return len(upgrades) == 1 && strings.EqualFold(upgrades[0], "websocket")
}

// strip removes forwarding headers, and headers that some servers take for one of those or for one
// that frames a message: CGI and WSGI know X-Forwarded-For and X_Forwarded_For by the same name.
func strip(h http.Header) {
	for name := range h {
		if strings.HasPrefix(name, "X-Forwarded") || managed[name] || aliases(name) {
			delete(h, name)
		}
	}
}

// managed are the headers, besides X-Forwarded-…, that only a proxy may set.
var managed = map[string]bool{
	"Forwarded":      true,
	"X-Real-Ip":      true,
	"Http2-Settings": true,
	"Proxy":          true, // CGI makes HTTP_PROXY of it, which libraries obey (CVE-2016-5385).
	"X-Request-Id":   true,
	"Cdn-Loop":       true,
}

// framing are headers whose aliases are as bad as those of managed ones.
var framing = map[string]bool{
	"host":              true,
	"connection":        true,
	"content-length":    true,
	"keep-alive":        true,
	"te":                true,
	"trailer":           true,
	"transfer-encoding": true,
	"upgrade":           true,
	"forwarded":         true,
	"x-real-ip":         true,
	"x-request-id":      true,
	"cdn-loop":          true,
}

// marks are what CGI and its kin read as they read a dash.
const marks = "!#$%&'*+.^_`|~"

func aliases(name string) bool {
	if !strings.ContainsAny(name, marks) {
		return false
	}
	plain := strings.Map(func(c rune) rune {
		if strings.ContainsRune(marks, c) {
			return '-'
		}
		return c
	}, strings.ToLower(name))
	return framing[plain] || strings.HasPrefix(plain, "x-forwarded")
}
