package http1

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"
)

func seeds(f *testing.F, file string, add func(hostile)) {
	f.Helper()
	for _, c := range corpus(f, file) {
		if len(c.bytes) < 4096 {
			add(c)
		}
	}
}

// outcome is what became of a head, in words that can be compared.
func outcome(n int, err error, f *Fields, rest ...any) string {
	if n == 0 || err != nil {
		return fmt.Sprint(n, err)
	}
	s := fmt.Sprint(n, rest)
	for i := range f.Len() {
		s += fmt.Sprintf(" %q=%q", f.Name(i), f.Value(i))
	}
	return s
}

func (r *Request) outcome(n int, err error) string {
	return outcome(n, err, &r.Fields, string(r.MethodText()), string(r.Target()), string(r.Path()), string(r.Query()), string(r.Host()),
		r.Method, r.Form, r.HTTP10, r.Body, r.KeepAlive, r.ExpectContinue, r.WebSocket)
}

func (s *Response) outcome(n int, err error) string {
	return outcome(n, err, &s.Fields, s.Status, string(s.Reason()), s.HTTP10, s.Body, s.Announced, s.KeepAlive)
}

// inPieces gives a parser a message in pieces, of 1 to 16 bytes as the bytes of cuts say and more if it is long,
// each time in memory of its own.
func inPieces(data, cuts []byte, parse func([]byte) (int, error)) (int, error) {
	for end, i := 0, 0; ; i++ {
		step := 1
		if len(cuts) > 0 {
			step = 1 + int(cuts[i%len(cuts)]&15)
		}
		end = min(end+step*(1+len(data)/2048), len(data))
		if n, err := parse(bytes.Clone(data[:end])); n > 0 || err != nil || end == len(data) {
			return n, err
		}
	}
}

// FuzzRequest: what is read does not depend on the pieces it came in or on what follows it, and what is printed is read
// as what it was printed from.
func FuzzRequest(f *testing.F) {
	seeds(f, "requests.txt", func(c hostile) { f.Add(c.bytes, []byte{0}) })
	f.Add([]byte(browserHead), []byte{3, 9})
	f.Fuzz(func(t *testing.T, data, cuts []byte) {
		var r Request
		n, err := r.Parse(data)
		want := r.outcome(n, err)
		var pieces Request
		m, pieceErr := inPieces(data, cuts, pieces.Parse)
		if got := pieces.outcome(m, pieceErr); got != want {
			t.Fatalf("in pieces: %s\nat once:   %s", got, want)
		}
		if n == 0 || err != nil {
			return
		}
		var alone Request
		k, aloneErr := alone.Parse(data[:n:n])
		if got := alone.outcome(k, aloneErr); got != want {
			t.Fatalf("head alone: %s\nwith more:  %s", got, want)
		}
		if r.Form == FormAuthority || !roomy(r.Len(), n) { // The first is answered, never printed.
			return
		}
		first := reprintRequest(t, r.AppendHead(nil, RequestOut{Host: hostOr(&r), Body: r.Body, Expect: true, Close: !r.KeepAlive}), &r)
		reprintRequest(t, first, &r)
	})
}

// roomy says that what is printed of a head keeps to the limits of what is read, although it has a few
// fields that were not in it.
func roomy(fields, n int) bool { return fields <= MaxFields-8 && n <= MaxHead-1<<10 }

// hostOr is a host for requests that have none.
func hostOr(r *Request) []byte {
	if len(r.Host()) == 0 {
		return []byte("pool")
	}
	return r.Host()
}

// reprintRequest reads what was printed of a request, prints it again, and wants both to be equal.
func reprintRequest(t *testing.T, printed []byte, from *Request) []byte {
	printed = AppendEnd(printed)
	var again Request
	n, err := again.Parse(printed)
	if n != len(printed) || err != nil {
		t.Fatalf("printed %q, which is read as %d, %v", printed, n, err)
	}
	if again.Body != from.Body || again.Method != from.Method || again.WebSocket != from.WebSocket || again.ExpectContinue != from.ExpectContinue {
		t.Fatalf("printed %q, which means something else", printed)
	}
	if !bytes.Equal(again.Query(), from.Query()) || len(from.Path()) > 0 && !bytes.Equal(again.Path(), from.Path()) {
		t.Fatalf("printed %q, which has another target than %q", printed, from.Target())
	}
	out := again.AppendHead(nil, RequestOut{Body: again.Body, Expect: true, Close: !again.KeepAlive})
	if got := AppendEnd(bytes.Clone(out)); !bytes.Equal(got, printed) {
		t.Fatalf("printed %q\nand then %q", printed, got)
	}
	return out
}

// FuzzResponse is FuzzRequest the other way.
func FuzzResponse(f *testing.F) {
	seeds(f, "responses.txt", func(c hostile) {
		f.Add(c.bytes, []byte{0}, byte(methodOf([]byte(c.to))), c.to == "websocket")
	})
	f.Fuzz(func(t *testing.T, data, cuts []byte, method byte, webSocket bool) {
		to := Method(method % (byte(MethodPatch) + 1))
		var s, pieces, alone Response
		s.Reset(to, webSocket)
		n, err := s.Parse(data)
		want := s.outcome(n, err)
		pieces.Reset(to, webSocket)
		m, pieceErr := inPieces(data, cuts, pieces.Parse)
		if got := pieces.outcome(m, pieceErr); got != want {
			t.Fatalf("in pieces: %s\nat once:   %s", got, want)
		}
		if n == 0 || err != nil {
			return
		}
		alone.Reset(to, webSocket)
		k, aloneErr := alone.Parse(data[:n:n])
		if got := alone.outcome(k, aloneErr); got != want {
			t.Fatalf("head alone: %s\nwith more:  %s", got, want)
		}
		if !roomy(s.Len(), n) {
			return
		}
		printed := data[:n]
		for range 2 {
			body, last := s.Deliver(false)
			next := AppendEnd(s.AppendHead(nil, ResponseOut{Body: body, Close: last || !s.KeepAlive}))
			var again Response
			again.Reset(to, webSocket)
			if n, err := again.Parse(next); n != len(next) || err != nil {
				t.Fatalf("printed %q, which is read as %d, %v", next, n, err)
			}
			if again.Status != s.Status || again.Body != body && again.Body.Kind != BodyNone && again.Body.Kind != BodyTunnel {
				t.Fatalf("printed %q, which means something else", next)
			}
			s, printed = again, next
		}
		body, last := s.Deliver(false)
		if next := AppendEnd(s.AppendHead(nil, ResponseOut{Body: body, Close: last || !s.KeepAlive})); !bytes.Equal(next, printed) {
			t.Fatalf("printed %q\nand then %q", printed, next)
		}
	})
}

// FuzzHost compares what is a host here with what is an address to net/netip.
func FuzzHost(f *testing.F) {
	for _, s := range []string{"::1", "1::2:", "::ffff:1.2.3.4", "1:2:3:4:5:6:7:8", "fe80::1%eth0", "1.2.3.4"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := netip.ParseAddr(s)
		want := err == nil && a.Is6() && a.Zone() == ""
		if got := isIPv6([]byte(s)); got != want {
			t.Errorf("isIPv6(%q) = %t, want %t", s, got, want)
		}
	})
}
