package main

import (
	"bytes"
	"net"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

const corpusDir = "../../proxy/http1/testdata/corpus"

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestRun_alone sends the corpus through Ballast's front to real sockets: every verdict must be kept on the wire.
func TestRun_alone(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), []string{"-alone", "-all", "-corpus", corpusDir}, &out); err != nil {
		t.Errorf("run() = %v", err)
	}
	for _, want := range []string{"cases came out as they should", "forwarded: POST / at a with \"aaaaa\", framed by length", "refused 502"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in the report", want)
		}
	}
	if t.Failed() {
		t.Log(out.String())
	}
}

func TestRun_refuses_bad_settings(t *testing.T) {
	for _, args := range [][]string{{"-lanes", "0"}, {"more"}, {"-corpus", "nowhere"}} {
		if err := run(t.Context(), args, new(bytes.Buffer)); err == nil {
			t.Errorf("run(%q) error = nil, want one", args)
		}
	}
}

func TestParseCorpus(t *testing.T) {
	got, err := parseCorpus("# note\nok 2 | RFC 1 | name | HEAD\n  a{bc*2}\n  \\r\\n\"\n")
	if err != nil || len(got) != 1 {
		t.Fatalf("parseCorpus() = %v, %v, want one case", got, err)
	}
	if e := got[0]; e.verdict != "ok 2" || e.rfc != "RFC 1" || e.name != "name" || e.to != "HEAD" || string(e.bytes) != "abcbc\r\n\"" {
		t.Errorf("case = %+v", e)
	}
	for _, bad := range []string{"400 host | RFC 1\n", "ok | RFC 1 | name\n  \\q\n"} {
		if _, err := parseCorpus(bad); err == nil {
			t.Errorf("parseCorpus(%q) error = nil, want one", bad)
		}
	}
}

// answering starts a server that says the same to everyone, and returns a lane to it.
func answering(t *testing.T, text string) *lane {
	t.Helper()
	b, err := newBackend(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.close)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	t.Cleanup(func() {
		listener.Close()
		serving.Wait()
	})
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4<<10))
			_, _ = conn.Write([]byte(text))
			conn.Close()
		}
	})
	return &lane{addr: listener.Addr().String(), backend: b}
}

func TestLane_notices_an_answer_for_someone_else(t *testing.T) {
	const text = "answer to /smuggled"
	l := answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n"+text)
	o, err := l.run(t.Context(), &probe{kind: kindRequest, send: []byte("GET / HTTP/1.1\r\n\r\n")})
	if err == nil {
		t.Error("run() error = nil, want one: no other client was ever answered")
	}
	if o.poisoned == "" || o.end != endClosed || !strings.Contains(string(o.client), text) {
		t.Errorf("run() = %+v, want it poisoned", o)
	}
}
