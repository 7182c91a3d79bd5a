package main

import (
	"io"
	"strings"
	"testing"
	"time"
)

func TestPlan_follows_from_seed_and_number(t *testing.T) {
	differ := 0
	for id := range uint64(1000) {
		if a, b := newPlan(7, id), newPlan(7, id); a != b {
			t.Fatalf("two plans of request %d differ", id)
		}
		if a, b := newPlan(7, id), newPlan(8, id); a.reply != b.reply {
			differ++
		}
	}
	if differ < 500 {
		t.Errorf("%d of 1000 plans differ when the seed does, want nearly all", differ)
	}
}

// What is never drawn is never tested.
func TestPlan_draws_everything(t *testing.T) {
	const n = 60_000 // The rarest is expected 20 times.
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	counts := make(map[string]int)
	plain := 0
	for id := range uint64(n) {
		p := newPlan(seed, id)
		if p.send.size == 0 && p.method == "GET" && p.reply.size < 2<<10 && p.reply.framing == framedLength {
			plain++
		}
		for _, part := range strings.Split(p.String(), "; ")[2:] {
			counts[part]++
		}
		counts[p.method]++
		if p.repeatable() && p.origin.kind == originSilent && p.origin.once {
			counts["must be repeated"]++
		}
		if p.delivered() == framedEnd {
			counts["ends with the connection"]++
		}
		if p.bodiless() && p.reply.size > 0 {
			counts["announced only"]++
		}
		if p.send.trailer || p.reply.trailer {
			counts["trailers"]++
		}
	}
	if plain < n/2 {
		t.Errorf("%d of %d are small GETs, want most", plain, n)
	}
	for _, what := range []string{
		"GET", "HEAD", "POST", "PUT", "DELETE", "must be repeated", "ends with the connection", "announced only", "trailers",
		"the client does not keep its connection", "another request may follow at once", "the client waits for a 100",
		"the client asks for a 100 and does not wait", "1 interim answers", "3 interim answers",
		"answered early", "answered early and closed", "answered early and reset",
		"the client closed in its head", "the client reset in its body", "the client half-closed behind its request",
		"the client closed in the answer", "the client sent a length and chunks", "the client sent a broken chunk",
		"the backend closed without an answer", "the backend reset in its answer", "the backend sent no HTTP",
		"the backend sent another answer behind its own", "the backend hangs",
		"then the idle connection is closed", "then the idle connection is reset",
	} {
		if counts[what] == 0 {
			t.Errorf("%q never came in %d plans", what, n)
		}
	}
}

func TestReader_body(t *testing.T) {
	tests := []struct {
		name    string
		framing framing
		text    string
		trailer string
		want    string // Of the error; nothing if it is good.
	}{
		{"a length", framedLength, "hello", "", ""},
		{"a length, short", framedLength, "hell", "", "EOF"},
		{"a byte that differs", framedLength, "hexlo", "", `byte 2 of the body differs: "xlo", want "llo"`},
		{"chunks", framedChunks, "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", "", ""},
		{"chunks with a trailer", framedChunks, "5\r\nhello\r\n0\r\nX: 1\r\n\r\n", "X: 1", ""},
		{"chunks without the trailer", framedChunks, "5\r\nhello\r\n0\r\n\r\n", "X: 1", `trailers "", want "X: 1"`},
		{"chunks that end early", framedChunks, "2\r\nhe\r\n0\r\n\r\n", "", "the last chunk behind 2 bytes, want 5"},
		{"chunks that are too much", framedChunks, "5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", "", "a chunk of 1 bytes behind 5, want 5 in all"},
		{"chunks without their end", framedChunks, "5\r\nhello\r\n", "", "unexpected EOF"},
		{"an extension", framedChunks, "5;a=b\r\nhello\r\n0\r\n\r\n", "", `the size line of a chunk behind 0 bytes is "5;a=b"`},
		{"a bare line feed", framedChunks, "5\nhello\r\n0\r\n\r\n", "", "a line that does not end with CRLF"},
		{"the end", framedEnd, "hello", "", ""},
		{"the end too early", framedEnd, "hell", "", "4 bytes and an end in good order, want 5"},
		{"the end too late", framedEnd, "hello!", "", `bytes where the end was due: "!"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newReader(strings.NewReader(tt.text))
			_, err := r.body(tt.framing, []byte("hello"), 5, tt.trailer)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("body() = %v, want %q", err, tt.want)
			}
			if rest, _ := io.ReadAll(r); tt.want == "" && len(rest) > 0 {
				t.Errorf("%q was left", rest)
			}
		})
	}
}
