package nethttp

import (
	"net/http"
	"strings"

	"github.com/ballast-lb/ballast/proxy/http1"
)

// modifyResponse is what happens to a backend's answer before it is passed on.
func modifyResponse(r *http.Response) error {
	e := exchangeOf(r.Request.Context())
	switch {
	case r.StatusCode < 100 || r.StatusCode > 599:
		return errStatus
	case answerFields(r) > http1.MaxFields:
		return errFields
	}
	if r.StatusCode == http.StatusSwitchingProtocols {
		if !e.upgrade || !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
			return errUpgrade
		}
		stripUpgraded(r.Header)
	} else {
		e.writer.headOnly = r.Body == http.NoBody && r.Request.ProtoMajor > 1
		e.response = &responseBody{ReadCloser: r.Body}
		r.Body = e.response
	}
	r.Header.Del(errorHeader) // It says that the answer is ours.
	if s := e.settings.Sticky; s.Enabled && e.core.Moves(e.pick.Affinity) {
		r.Header.Add("Set-Cookie", setCookie(s, e.backend.Affinity(), e.https))
	}
	return nil
}

// answerFields is how many fields an answer came with, those included that the transport has taken out.
func answerFields(r *http.Response) int {
	n := len(r.TransferEncoding)
	if len(r.Trailer) > 0 {
		n++
	}
	for _, lines := range r.Header {
		n += len(lines)
	}
	return n
}

// stripUpgraded removes hop-by-hop headers from a 101, except those that make the upgrade.
func stripUpgraded(h http.Header) {
	upgrade := h["Upgrade"]
	stripHop(h)
	h["Upgrade"], h["Connection"] = upgrade, []string{"Upgrade"}
}

// stripHop removes hop-by-hop headers from an answer with a status below 200, where the reverse proxy leaves them.
func stripHop(h http.Header) {
	for _, line := range h["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			h.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range []string{
		"Connection", "Upgrade", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Te", "Trailer", "Transfer-Encoding", "Content-Length",
	} {
		h.Del(name)
	}
}
