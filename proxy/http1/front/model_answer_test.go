package front_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
)

// statusOf are the statuses of Ballast's own answers, but those to what is refused unread.
var statusOf = map[string]int{
	"connect-failed": 502, "no-answer": 502, "bad-response": 502, "timeout": 504, "bad-request": 400, "shutting-down": 503,
	"method-not-allowed": 405, "not-found": 404, "method-unknown": 501, "coding-unknown": 501, "version-unsupported": 505, "expect": 417,
}

// judge compares what came with what may.
func (m *model) judge(i int, h *heard, may allowance) {
	a := m.script.asks[i]
	slug := h.value("x-ballast-error")
	switch {
	case errors.Is(h.err, errStrict):
		m.wrong("answer %d: %v", i, h.err)
	case h.late:
		if !m.script.mayHang(a) {
			m.wrong("answer %d never ended", i)
		}
	case h.start == "":
		if !may.nothing {
			m.wrong("nothing came for %d (%v), want one of %+v", i, h.err, may)
		}
		if !ends(h.err) {
			m.wrong("answer %d ended with %v", i, h.err)
		}
	case h.headed && slug != "" && h.value("x-reply") == "":
		m.judgeOwn(a, h, slug, may)
	case !h.whole:
		if !may.broken {
			m.wrong("answer %d broke off (%v), want one of %+v", i, h.err, may)
		}
		m.compare(i, a, h, false)
	case m.toldByWrite(h):
		m.compare(i, a, h, false)
	case !may.exact:
		m.wrong("answer %d is whole: %s, want one of %+v", i, h.start, may)
	default:
		m.compare(i, a, h, !m.endsUnseen(a) || a.reply.fault == faultCut && !a.http10)
	}
}

// toldByWrite says that the client may not have seen by reading that an answer broke off, for a socket tells of a reset
// once: here to who wrote.
func (m *model) toldByWrite(h *heard) bool {
	framed := len(h.values("content-length")) + len(h.values("transfer-encoding"))
	return m.script.real && framed == 0 && h.status >= 200 && slices.Contains(m.client.sent, sentInVain)
}

// ends says that a connection has ended with err, and no test has failed to read.
func ends(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, errDeaf)
}

// judgeOwn looks at an answer of Ballast's own.
func (m *model) judgeOwn(a *ask, h *heard, slug string, may allowance) {
	want := statusOf[slug]
	if want == 0 {
		want = 400
	}
	switch {
	case !slices.Contains(may.slugs, slug):
		m.wrong("%d was answered with %s, want one of %+v", a.id, slug, may)
	case h.status != want:
		m.wrong("%d was answered with %s and %d, want %d", a.id, slug, h.status, want)
	case !h.whole && !may.broken:
		m.wrong("the answer of ours to %d, %s, ended with %v", a.id, slug, h.err)
	case !h.last && (a.last || a.refusal != ""):
		m.wrong("%d was answered with %s and no word of the end", a.id, slug)
	}
}

// compare compares an answer with that of the backend, as much of it as there is.
func (m *model) compare(i int, a *ask, h *heard, whole bool) {
	p := &a.reply
	if got, want := h.interims, m.interims(a); !slices.Equal(got, want) && (h.headed || !slices.Equal(got, want[:min(len(got), len(want))])) {
		m.wrong("before answer %d came %v, want %v", i, got, want)
	}
	if !h.headed {
		return
	}
	if want := fmt.Sprint("HTTP/1.1 ", p.status, " Some \xff Reason"); h.start != want {
		m.wrong("answer %d begins with %q, want %q", i, h.start, want)
	}
	if got := without(h.fields, "content-length", "transfer-encoding", "connection", "upgrade"); !slices.Equal(got, p.through) {
		m.wrong("answer %d has %q, want %q", i, got, p.through)
	}
	if a.http10 && h.value("transfer-encoding") != "" {
		m.wrong("answer %d to HTTP/1.0 has chunks", i)
	}
	if h.status == 101 {
		m.compareTunnel(i, a, h)
		return
	}
	body := p.body
	if p.fault == faultCut && p.framing == byEnd {
		body = body[:p.at]
	}
	if !bytes.HasPrefix(body, h.body) && p.fault != faultChunk || whole && len(h.body) != len(body) {
		m.wrong("answer %d has %d bytes of body, and not those of %d", i, len(h.body), len(body))
	}
	if want := p.trailers; whole && !a.http10 && !slices.Equal(h.trailers, want) {
		m.wrong("answer %d has trailers %q, want %q", i, h.trailers, want)
	}
	until := a.http10 && (p.framing == byChunks || p.framing == byEnd) && a.method != "HEAD"
	switch {
	case (a.last || until) && !h.last:
		m.wrong("answer %d says nothing of the end", i)
	case h.last && !a.last && !until && !m.mayAnnounce(i):
		m.wrong("answer %d announces an end for no reason", i)
	}
}

// interims are the answers that must come before the one that counts. HTTP/1.0 knows none.
func (m *model) interims(a *ask) []int {
	if a.http10 {
		return nil
	}
	return a.reply.interims
}

// compareTunnel compares what came after a switch with what was sent, which the backend sends back.
func (m *model) compareTunnel(i int, a *ask, h *heard) {
	sent := a.tunnelled[:m.client.through]
	if i+1 < len(m.script.asks) && m.client.sent[i+1] > sentNothing {
		sent = append(bytes.Clone(m.script.asks[i+1].early), sent...)
	}
	whole := a.tunnelEnd != endClose && !m.left() && m.client.sent[len(m.client.sent)-1] == sentAll
	if want := append(bytes.Clone(a.reply.body), sent...); !bytes.HasPrefix(want, h.tunnel) || whole && len(h.tunnel) != len(want) {
		m.wrong("%d bytes came through tunnel %d, and not those of %d", len(h.tunnel), i, len(want))
	}
	if received := m.received(i); len(received) > 0 {
		r := received[len(received)-1]
		if !bytes.HasPrefix(sent, r.tunnel) || whole && len(r.tunnel) != len(sent) {
			m.wrong("%d bytes came out of tunnel %d, and not those of %d", len(r.tunnel), i, len(sent))
		}
	}
}

// without returns lines without those of some fields.
func without(lines []string, names ...string) []string {
	var out []string
	for _, line := range lines {
		name, _, _ := strings.Cut(strings.ToLower(line), ":")
		if !slices.Contains(names, name) {
			out = append(out, line)
		}
	}
	return out
}
