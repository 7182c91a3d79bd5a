package docker

import (
	"encoding/binary"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ballast-lb/ballast/engine"
)

// frame is a piece of a stream as the daemon writes it: 1 is stdout, 2 stderr.
func frame(stream byte, text string) string {
	head := make([]byte, 8)
	head[0] = stream
	binary.BigEndian.PutUint32(head[4:], uint32(len(text)))
	return string(head) + text
}

func TestLogs(t *testing.T) {
	const (
		pipes    = `{"Id":"1","State":{"Status":"running"},"Config":{"Tty":false}}`
		terminal = `{"Id":"1","State":{"Status":"running"},"Config":{"Tty":true}}`
		stamp    = "2026-01-02T03:04:05.000000006Z "
	)
	when := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	line := func(text string, stderr bool) engine.LogLine {
		return engine.LogLine{Time: when, Stderr: stderr, Text: text}
	}
	long := strings.Repeat("x", engine.MaxLogLine)
	tests := []struct {
		name, inspect, body string
		want                []engine.LogLine
		fails               bool
	}{
		{"both streams", pipes, frame(1, stamp+"a\n") + frame(2, stamp+"b\n") + frame(1, stamp+"c\n"), []engine.LogLine{line("a", false), line("b", true), line("c", false)}, false},
		{"a line in parts", pipes, frame(1, stamp+"a") + frame(2, stamp+"b\n") + frame(1, "c\n"), []engine.LogLine{line("b", true), line("ac", false)}, false},
		{"a terminal", terminal, stamp + "a\r\n" + stamp + "\x1b[1mb\r\n", []engine.LogLine{line("a", false), line("\x1b[1mb", false)}, false},
		{"an empty line", pipes, frame(1, stamp+"\n"), []engine.LogLine{line("", false)}, false},
		{"a long line", pipes, frame(1, stamp+long+"y\n"), []engine.LogLine{line(long, false)}, false},
		{"no stamp", pipes, frame(1, "a b\n"), []engine.LogLine{{Text: "a b"}}, false},
		{"the daemon fails", pipes, frame(1, stamp+"a\n") + frame(3, "the disk is gone"), []engine.LogLine{line("a", false)}, true},
		{"nonsense", pipes, "garbage that is no frame", nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var query string
			e := newFake(t, map[string]http.HandlerFunc{
				"GET /containers/web-a/json": answer(tt.inspect),
				"GET /containers/web-a/logs": func(w http.ResponseWriter, r *http.Request) {
					query = r.URL.RawQuery
					_, _ = io.WriteString(w, tt.body)
				},
			})
			var got []engine.LogLine
			var last error
			for l, err := range e.Logs(t.Context(), "web-a", 7) {
				if last = err; err == nil {
					got = append(got, l)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || last != nil != tt.fails {
				t.Errorf("Logs() ended with %v, want an error: %t (-want +got):\n%s", last, tt.fails, diff)
			}
			for _, want := range []string{"tail=7", "timestamps=1", "stdout=1", "stderr=1"} {
				if !strings.Contains(query, want) || strings.Contains(query, "follow") {
					t.Errorf("the daemon was asked for %q, want %s, and not to follow", query, want)
				}
			}
		})
	}
}

func TestLogs_of_a_daemon_that_hangs(t *testing.T) {
	hangs, gone := hang()
	e := newFake(t, map[string]http.HandlerFunc{
		"GET /containers/web-a/json": answer(running),
		"GET /containers/web-a/logs": hangs,
	})
	e.limits.call = soon
	for _, err := range e.Logs(t.Context(), "web-a", 7) {
		checkSentinel(t, err, engine.ErrUnavailable)
	}
	patient(t, "the call is given up", gone)
}
