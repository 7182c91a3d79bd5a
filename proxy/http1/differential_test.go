package http1

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httputil"
	"net/textproto"
	"slices"
	"strings"
	"testing"
)

// The tests here compare with net/http: what it refuses is refused, and what is accepted means the same to it.

func FuzzRequest_differential(f *testing.F) {
	seeds(f, "requests.txt", func(c hostile) { f.Add(c.bytes) })
	f.Add([]byte(browserHead))
	f.Fuzz(func(t *testing.T, data []byte) {
		var r Request
		n, err := r.Parse(data)
		if n == 0 || err != nil {
			return
		}
		// net/http knows no empty line before a request.
		head := bytes.TrimPrefix(data[:n], []byte("\r\n"))
		theirs, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
		if err != nil {
			t.Fatalf("accepted, but net/http says %v: %q", err, head)
		}
		if theirs.Method != string(r.MethodText()) || theirs.RequestURI != string(r.Target()) ||
			r.Form != FormAsterisk && r.Form != FormAuthority && theirs.URL.RawQuery != strings.TrimPrefix(string(r.Query()), "?") {
			t.Errorf("net/http reads %s %s (%s): %q", theirs.Method, theirs.RequestURI, theirs.URL.RawQuery, head)
		}
		if theirs.Host != string(r.Host()) {
			t.Errorf("net/http reads host %q, here it is %q: %q", theirs.Host, r.Host(), head)
		}
		if theirs.ProtoAtLeast(1, 1) == r.HTTP10 || theirs.Close == (r.KeepAlive || r.Method == MethodConnect && r.said.persists(r.HTTP10)) {
			t.Errorf("net/http reads %s and close %t: %q", theirs.Proto, theirs.Close, head)
		}
		sameBody(t, r.Body, theirs.ContentLength, theirs.TransferEncoding, head)
		sameFields(t, &r.Fields, theirs.Header, head)
	})
}

func sameBody(t *testing.T, body Body, length int64, codings []string, head []byte) {
	t.Helper()
	want := Body{Kind: BodyLength, Length: length}
	switch {
	case slices.Equal(codings, []string{"chunked"}):
		want = Body{Kind: BodyChunked}
	case length < 0:
		want = Body{Kind: BodyUntilClose}
	case length == 0 && body.Kind == BodyNone:
		want = Body{}
	}
	if body != want {
		t.Errorf("net/http reads body %+v, here it is %+v: %q", want, body, head)
	}
}

// sameFields compares what net/http leaves in a header: it takes framing fields out.
func sameFields(t *testing.T, f *Fields, theirs http.Header, head []byte) {
	t.Helper()
	ours := http.Header{}
	for i := range f.Len() {
		name := textproto.CanonicalMIMEHeaderKey(string(f.Name(i)))
		ours[name] = append(ours[name], string(f.Value(i)))
	}
	if len(ours["Pragma"]) > 0 && ours["Pragma"][0] == "no-cache" && ours["Cache-Control"] == nil {
		ours["Cache-Control"] = []string{"no-cache"} // It adds that.
	}
	for _, name := range []string{"Host", "Connection", "Content-Length", "Transfer-Encoding", "Trailer"} {
		delete(ours, name)
		delete(theirs, name)
	}
	if len(ours) != len(theirs) {
		t.Errorf("net/http reads %q, here it is %q: %q", theirs, ours, head)
	}
	for name, values := range ours {
		if !slices.Equal(values, theirs[name]) {
			t.Errorf("net/http reads %s as %q, here it is %q: %q", name, theirs[name], values, head)
		}
	}
}

func FuzzResponse_differential(f *testing.F) {
	seeds(f, "responses.txt", func(c hostile) { f.Add(c.bytes, c.to == "HEAD") })
	f.Fuzz(func(t *testing.T, data []byte, head bool) {
		method, name := MethodGet, http.MethodGet
		if head {
			method, name = MethodHead, http.MethodHead
		}
		var s Response
		s.Reset(method, true)
		n, err := s.Parse(data)
		if n == 0 || err != nil {
			return
		}
		theirs, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(data[:n])), &http.Request{Method: name})
		if err != nil {
			t.Fatalf("accepted, but net/http says %v: %q", err, data[:n])
		}
		if theirs.StatusCode != s.Status || theirs.ProtoAtLeast(1, 1) == s.HTTP10 {
			t.Errorf("net/http reads %s %s: %q", theirs.Proto, theirs.Status, data[:n])
		}
		if s.Body.Kind == BodyTunnel {
			return
		}
		// What is announced is not what follows a HEAD, and net/http keeps the former only.
		if s.Body.Kind != BodyNone {
			sameBody(t, s.Body, theirs.ContentLength, theirs.TransferEncoding, data[:n])
			// net/http closes as well what ends with the connection.
			if theirs.Close == s.said.persists(s.HTTP10) && s.Body.Kind != BodyUntilClose {
				t.Errorf("net/http reads close %t: %q", theirs.Close, data[:n])
			}
		} else if theirs.Body != http.NoBody {
			t.Errorf("net/http reads a body: %q", data[:n])
		}
		sameFields(t, &s.Fields, theirs.Header, data[:n])
	})
}

func FuzzDecoder_differential(f *testing.F) {
	seeds(f, "bodies.txt", func(c hostile) { f.Add(c.bytes, []byte{0}) })
	f.Fuzz(func(t *testing.T, data, cuts []byte) {
		var whole, pieces Decoder
		content, left, err := decode(&whole, string(data))
		var cut []string
		for i, rest := 0, data; len(rest) > 0; i++ {
			step := 1
			if len(cuts) > 0 {
				step = min(1+int(cuts[i%len(cuts)]&15), len(rest))
			}
			cut = append(cut, string(rest[:step]))
			rest = rest[step:]
		}
		// What comes behind the body is not given to the decoder any more, so it is all that is left.
		pieceContent, pieceLeft, pieceErr := decode(&pieces, cut...)
		if pieceContent != content || !errors.Is(pieceErr, err) || whole.Done() != pieces.Done() || err == nil && pieceLeft != left {
			t.Fatalf("in pieces %q, %q, %v\nat once %q, %q, %v", pieceContent, pieceLeft, pieceErr, content, left, err)
		}
		if err != nil || !whole.Done() {
			return
		}
		body := data[:len(data)-len(left)]
		theirs, err := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(body)))
		if err != nil || string(theirs) != content {
			t.Fatalf("net/http reads %q, %v, here it is %q: %q", theirs, err, content, body)
		}
		request, err := http.ReadRequest(bufio.NewReader(io.MultiReader(
			strings.NewReader("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"), bytes.NewReader(body))))
		if err != nil {
			t.Fatal(err)
		}
		if theirs, err := io.ReadAll(request.Body); err != nil || string(theirs) != content {
			t.Fatalf("as a request's body, net/http reads %q, %v: %q", theirs, err, body)
		}
		reframe(t, content, &whole)
	})
}

// reframe prints a body anew and reads it again.
func reframe(t *testing.T, content string, from *Decoder) {
	t.Helper()
	out := AppendLastChunk(AppendChunk(nil, []byte(content)), from)
	var again Decoder
	got, left, err := decode(&again, string(out))
	if got != content || left != "" || err != nil || !again.Done() {
		t.Fatalf("printed %q, which is read as %q, %q, %v", out, got, left, err)
	}
	if twice := AppendLastChunk(AppendChunk(nil, []byte(got)), &again); !bytes.Equal(twice, out) {
		t.Fatalf("printed %q\nand then %q", out, twice)
	}
}
