package app

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/containers/autoscale"
)

func recordOf(perSecond ...uint64) autoscale.Record {
	var trace autoscale.Trace
	at, c := time.Date(2026, 1, 2, 4, 4, 5, 0, time.FixedZone("", 3600)), autoscale.Counters{}
	trace.Add(at, c)
	for _, n := range perSecond {
		at = at.Add(time.Second)
		c.Requests, c.Served, c.Service = c.Requests+n, c.Served+n, c.Service+0.103*float64(n)
		trace.Add(at, c)
	}
	return trace.Record()
}

func TestWriteTrace(t *testing.T) {
	tests := []struct {
		name   string
		record autoscale.Record
		slots  int
		want   string
	}{
		{
			"all is known", recordOf(0, 3, 12), 20,
			"# resolution_seconds=1\n# slots=20\n# service_seconds=0.103\n# started=2026-01-02T03:04:05Z\nrequests\n0\n3\n12\n",
		},
		{
			"nothing was served, and there is no limit", recordOf(0), 0,
			"# resolution_seconds=1\n# started=2026-01-02T03:04:05Z\nrequests\n0\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			if err := writeTrace(&out, tt.record, tt.slots); err != nil || out.String() != tt.want {
				t.Errorf("writeTrace() = %v and\n%s\nwant\n%s", err, out.String(), tt.want)
			}
		})
	}
}

// leaves is a client that takes so many bytes.
type leaves struct{ left, writes int }

func (l *leaves) Write(b []byte) (int, error) {
	l.writes++
	if l.left -= len(b); l.left < 0 {
		return 0, errors.New("gone")
	}
	return len(b), nil
}

func TestWriteTrace_streams_and_ends_with_the_client(t *testing.T) {
	many := recordOf(make([]uint64, 20_000)...)
	all := &leaves{left: 1 << 20}
	if err := writeTrace(all, many, 0); err != nil || all.writes < 5 {
		t.Errorf("40 KB were written in %d writes (%v), want more than one buffer's", all.writes, err)
	}
	if l := (&leaves{left: 5000}); writeTrace(l, many, 0) == nil || l.writes > 2 {
		t.Errorf("%d writes to a client that left after the first, want 2 and an error", l.writes)
	}
}

func TestApp_trace(t *testing.T) {
	r := start(t)
	r.until("the recorder knows the pool", func() bool { _, ok := r.app.recorder.Record("default"); return ok })
	for range 7 {
		r.get("/lb")
	}
	var body string
	r.until("the trace has the requests", func() bool {
		var resp *http.Response
		resp, body = r.get("/api/v1/pools/default/trace")
		if resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/csv") {
			t.Fatalf("GET trace = %s, %s, want 200, text/csv", resp.Status, resp.Header.Get("Content-Type"))
		}
		return sumOf(t, body) == 7
	})
	if !strings.HasPrefix(body, "# resolution_seconds=1\n# slots=") || !strings.Contains(body, "\n# service_seconds=0.") {
		t.Errorf("trace = %q, want its resolution, slots and service time", body)
	}
	if resp, body := r.get("/api/v1/pools/none/trace"); resp.StatusCode != http.StatusNotFound || !strings.Contains(body, "no-such-pool") {
		t.Errorf("GET trace of no pool = %s %s, want 404 no-such-pool", resp.Status, body)
	}
}

// sumOf is how many requests a trace has.
func sumOf(t *testing.T, body string) (sum int) {
	t.Helper()
	lines := bufio.NewReader(strings.NewReader(body))
	for counts := false; ; {
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) && line == "" {
			return sum
		}
		if line = strings.TrimSuffix(line, "\n"); !counts {
			counts = line == "requests"
			continue
		}
		n, err := strconv.Atoi(line)
		if err != nil {
			t.Fatalf("line %q of the trace: %v", line, err)
		}
		sum += n
	}
}
