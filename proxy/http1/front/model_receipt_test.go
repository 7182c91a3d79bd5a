package front_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// checkReceipts looks at what the backends got: what was asked, in that order, and not twice.
func (m *model) checkReceipts() {
	last := 0
	for _, r := range m.cast.receipts {
		a := m.script.asks[r.id]
		if r.id < last {
			m.wrong("request %d came after %d", r.id, last)
		}
		last = r.id
		if a.refusal != "" {
			m.wrong("request %d came, although it must be refused", r.id)
			continue
		}
		if m.client.sent[r.id] <= sentPart {
			m.wrong("request %d came before its head was sent", r.id)
		}
		m.checkHead(a, r)
		m.checkBody(a, r)
	}
	for i, a := range m.script.asks {
		received, most := m.received(i), 1
		if m.mayRepeat(a, received) {
			most = 3 // On a connection that was kept, on a new one, and at another backend.
		}
		if len(received) > most {
			m.wrong("request %d came %d times, want %d at most", i, len(received), most)
		}
	}
}

// checkHead compares a head with the one that was sent.
func (m *model) checkHead(a *ask, r *receipt) {
	if want := fmt.Sprintf("%s %s HTTP/1.1", a.method, a.target); r.start != want {
		m.wrong("request %d came as %.100q, want %.100q", r.id, r.start, want)
	}
	managed := []string{"host", "content-length", "transfer-encoding", "connection", "upgrade", "expect", "x-real-ip"}
	rest := without(r.fields, managed...)
	rest = slices.DeleteFunc(rest, func(line string) bool { return strings.HasPrefix(line, "X-Forwarded-") })
	if !slices.Equal(rest, a.through) {
		m.wrong("request %d came with %q, want %q", r.id, rest, a.through)
	}
	client, connection, upgrade, expect := "192.0.2.1", "", "", ""
	if m.script.real {
		client = "127.0.0.1"
	}
	if a.upgrade {
		connection, upgrade = "Upgrade", "websocket"
	}
	if a.expects {
		expect = "100-continue"
	}
	for _, f := range []struct{ name, want string }{
		{"x-real-ip", client},
		{"x-forwarded-for", client},
		{"x-forwarded-prefix", "/lb"},
		{"host", "x"},
		{"connection", connection},
		{"upgrade", upgrade},
		{"expect", expect},
	} {
		if got := r.value(f.name); got != f.want {
			m.wrong("request %d came with %s %q, want %q", r.id, f.name, got, f.want)
		}
	}
}

// checkBody compares a body with the one that was sent. One that was not sent whole must not look so.
func (m *model) checkBody(a *ask, r *receipt) {
	sentWhole := m.client.sent[r.id] >= sentAll && !a.malformed
	switch {
	case len(a.tail) > 0 && r.whole && !sentWhole:
		m.wrong("request %d came whole, although it was not sent so", r.id)
	case a.malformed: // What of it can be read may have come.
	case !bytes.HasPrefix(a.body, r.body), r.whole && len(r.body) != len(a.body):
		m.wrong("request %d came with %d bytes of body, and not those of %d", r.id, len(r.body), len(a.body))
	case r.whole && !slices.Equal(r.trailers, a.trailers):
		m.wrong("request %d came with trailers %q, want %q", r.id, r.trailers, a.trailers)
	}
}
