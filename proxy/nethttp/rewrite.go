package nethttp

import (
	"net"
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
	forwarded(out.Header, p.In, e)
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
}

var dashes = strings.NewReplacer("_", "-", ".", "-")

func aliases(name string) bool {
	if !strings.ContainsAny(name, "_.") {
		return false
	}
	plain := strings.ToLower(dashes.Replace(name))
	return framing[plain] || strings.HasPrefix(plain, "x-forwarded")
}

// forwarded sets the forwarding headers. The peer is not trusted: what it said was stripped.
func forwarded(h http.Header, in *http.Request, e *exchange) {
	proto, port := "http", "80"
	if in.TLS != nil {
		proto, port = "https", "443"
	}
	if _, asked, err := net.SplitHostPort(in.Host); err == nil && asked != "" {
		port = asked
	}
	if e.pick.Client.IsValid() {
		address := []string{e.pick.Client.WithZone("").String()}
		h["X-Forwarded-For"], h["X-Real-Ip"] = address, address
	}
	if in.Host != "" {
		h["X-Forwarded-Host"] = []string{in.Host}
	}
	h["X-Forwarded-Proto"] = []string{proto}
	h["X-Forwarded-Port"] = []string{port}
	if e.strip != "" {
		h["X-Forwarded-Prefix"] = []string{e.strip}
	}
}
