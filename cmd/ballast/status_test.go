package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ballast-lb/ballast/containers/autoscale"
	"github.com/ballast-lb/ballast/internal/telemetry"
)

// shop is a balancer with a pool that scales, one that does not, and one that has nothing.
func shop() telemetry.Document {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	since := now.Add(-2*time.Hour - 5*time.Minute - 3*time.Second)
	return telemetry.Document{
		Version: "0.5.0", Instance: "harbour-1", Time: now, Uptime: 93_784.2,
		Engine: telemetry.EngineDoc{Kind: "docker", Version: "20.10.24", Connected: true, Since: &since},
		Pools: []telemetry.PoolDoc{
			{
				Name: "api", Policy: "weighted", InFlight: 13, Queued: 3, RequestsPerSecond: 312.04, Errors: 37,
				Replicas: telemetry.Replicas{Min: 1, Max: 10, Desired: 5, Ready: 3, Warm: 1, Stale: 2},
				Latency:  telemetry.LatencyMS{P50: 1.24, P95: 104.4, P99: 2040},
				LastDecision: &autoscale.Decision{
					Time: now.Add(-4 * time.Second), Action: autoscale.ActionScaleOut, From: 3, To: 5,
					Reason: "312 req/s x 0.1 s = 31.2 busy slots + 11.2 headroom = 42.4, 10 per backend -> 5 backends; 3 ready, 0 starting: start 2",
				},
			},
			{Name: "reports", Policy: "least-request", Replicas: telemetry.Replicas{Min: 1, Desired: 1, Ready: 1}},
			{
				Name: "web", Policy: "maglev", Replicas: telemetry.Replicas{Max: 4, Desired: 2, Blocked: "image web:2 can't be\npulled", Stale: 1, StaleHeld: "web-a is\nunhealthy"},
				LastDecision: &autoscale.Decision{
					Time: now.Add(-3 * time.Minute), Action: autoscale.ActionRefuse, DryRun: true, Reason: "image web:2 \x1b[2Jcan't be pulled",
				},
			},
		},
	}
}

const shopText = `Ballast 0.5.0, instance harbour-1, up 26h3m
engine docker 20.10.24: connected for 2h5m

POOL     POLICY         READY  WARM  MIN-MAX  IN FLIGHT  QUEUED  REQ/S  P50     P95    P99    ERRORS
api      weighted       3/5    1     1-10     13         3       312.0  1.24ms  104ms  2.04s  37
  clones made from an older image or configuration: 2, being replaced one at a time
  scale-out 3 -> 5, 4s ago: 312 req/s x 0.1 s = 31.2 busy slots + 11.2 headroom = 42.4, 10 per backend -> 5 backends; 3 ready, 0 starting: start 2
reports  least-request  1/1    0     fixed    0          0       0.0    -       -      -      0
web      maglev         0/2    0     0-4      0          0       0.0    -       -      -      0
  blocked: image web:2 can't be pulled
  clones made from an older image or configuration: 1, not replaced at present: web-a is unhealthy
  refuse (dry run), 3m0s ago: image web:2 [2Jcan't be pulled
`

// balancer answers GET /metrics with what it is told.
type balancer struct {
	*httptest.Server
	mu     sync.Mutex
	doc    telemetry.Document
	status int
	asked  chan struct{}
}

func serveStatus(t *testing.T, d telemetry.Document) *balancer {
	t.Helper()
	b := &balancer{doc: d, status: http.StatusOK, asked: make(chan struct{}, 100)}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/metrics" || strings.Contains(r.Header.Get("Accept"), "text/plain") {
			t.Errorf("GET %s with Accept %q, want the JSON of /metrics", r.URL.Path, r.Header.Get("Accept"))
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		w.WriteHeader(b.status)
		_ = json.NewEncoder(w).Encode(b.doc)
		b.asked <- struct{}{}
	}))
	t.Cleanup(func() {
		b.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return b
}

func TestStatus(t *testing.T) {
	b := serveStatus(t, shop())
	var out bytes.Buffer
	if err := status(t.Context(), []string{"--url", b.URL + "/"}, &out); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(shopText, out.String()); diff != "" {
		t.Errorf("ballast status (-want +got):\n%s", diff)
	}
}

func TestStatus_finds_the_balancer_of_this_host(t *testing.T) {
	b := serveStatus(t, shop())
	t.Setenv("BALLAST_ADMIN_LISTEN", strings.Replace(strings.TrimPrefix(b.URL, "http://"), "127.0.0.1", "0.0.0.0", 1))
	var out bytes.Buffer
	if err := status(t.Context(), nil, &out); err != nil || out.String() != shopText {
		t.Errorf("ballast status = %v and\n%s\nwant that of %s", err, out.String(), b.URL)
	}
}

func TestStatus_json(t *testing.T) {
	b := serveStatus(t, shop())
	var out bytes.Buffer
	if err := status(t.Context(), []string{"-json", "-url=" + b.URL}, &out); err != nil {
		t.Fatal(err)
	}
	var d telemetry.Document
	if err := json.Unmarshal(out.Bytes(), &d); err != nil || len(d.Pools) != 3 {
		t.Errorf("ballast status --json = %s, %v, want the document", out.String(), err)
	}
}

func TestStatus_says_what_is_wrong(t *testing.T) {
	sick := serveStatus(t, shop())
	sick.status = http.StatusNotFound
	other := serveStatus(t, telemetry.Document{})
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"nobody is there", []string{"--url=http://127.0.0.1:1"}, "no answer from Ballast at http://127.0.0.1:1"},
		{"what to do", []string{"--admin.listen=127.0.0.1:1"}, "is it running there? Set --url or --admin.listen"},
		{"another program", []string{"--url", other.URL}, "is not what Ballast answers"},
		{"another status", []string{"--url", sick.URL}, "answered 404 Not Found"},
		{"no URL", []string{"--url"}, `--url "" must be`},
		{"no scheme", []string{"--url", "10.0.0.5:8080"}, "such as http://127.0.0.1:8080"},
		{"a typo", []string{"--url", sick.URL, "--wach"}, "wach"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			if err := status(t.Context(), tt.args, &out); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("ballast status %q = %v, want %q", tt.args, err, tt.want)
			}
			if out.Len() > 0 {
				t.Errorf("ballast status %q printed %q, want nothing", tt.args, out.String())
			}
		})
	}
}

func TestStatus_without_pools_and_engine(t *testing.T) {
	d := shop()
	d.Pools, d.Engine.Connected, d.Engine.Error = nil, false, "dial unix /var/run/docker.sock: no such file"
	want := `Ballast 0.5.0, instance harbour-1, up 26h3m
engine docker 20.10.24: not reachable for 2h5m: dial unix /var/run/docker.sock: no such file

no pools: no container has joined yet
`
	var out bytes.Buffer
	s := &screen{out: &out}
	if err := s.paint(newLines(d, nil, 0)); err != nil || out.String() != want {
		t.Errorf("status is %v\n%s\nwant\n%s", err, out.String(), want)
	}
}

func TestStatus_wraps_reasons(t *testing.T) {
	const width = 60
	var out bytes.Buffer
	s := &screen{out: &out, terminal: true, size: func() (int, int) { return width, 0 }}
	if err := s.paint(newLines(shop(), nil, width)); err != nil {
		t.Fatal(err)
	}
	for l := range strings.Lines(out.String()) {
		if n := len([]rune(strings.TrimSuffix(l, "\n"))); strings.HasPrefix(l, "  ") && n > width {
			t.Errorf("a line has %d columns, want at most %d: %s", n, width, l)
		}
	}
	if got := strings.Join(strings.Fields(out.String()), " "); !strings.Contains(got, shop().Pools[0].LastDecision.Reason) {
		t.Errorf("the reason is not whole in\n%s", out.String())
	}
}

func TestStatus_colours(t *testing.T) {
	var out bytes.Buffer
	s := &screen{out: &out, terminal: true, colour: true}
	if err := s.paint(newLines(shop(), nil, 0)); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	for i, want := range []style{bold, plain, plain, bold, plain, plain, faint, plain, bad, bad, plain, faint} {
		l := lines[i]
		if want == plain && strings.Contains(l, "\x1b") || !strings.HasPrefix(l, string(want)) || want != plain && !strings.HasSuffix(l, normal) {
			t.Errorf("line %d is %q, want it in %q", i, l, want)
		}
	}
}

func TestStatus_repaints_in_place(t *testing.T) {
	var out bytes.Buffer
	s := &screen{out: &out, terminal: true}
	for range 2 {
		if err := s.repaint([]line{{text: "one"}, {text: "two"}}); err != nil {
			t.Fatal(err)
		}
	}
	const page = "one" + clearLine + "\ntwo" + clearLine + "\n" + clearBelow
	if want := clearAll + home + page + home + page; out.String() != want {
		t.Errorf("two pages are %q, want %q", out.String(), want)
	}
}

// lockedBuffer may be read while it is written to.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func TestStatus_watch(t *testing.T) {
	b := serveStatus(t, shop())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out lockedBuffer
	done := make(chan error, 1)
	go func() { done <- status(ctx, []string{"--watch", "--url", b.URL}, &out) }()
	<-b.asked
	b.mu.Lock()
	b.status = http.StatusBadGateway // It does not end the watch.
	b.mu.Unlock()
	<-b.asked
	b.mu.Lock()
	b.status = http.StatusOK
	b.mu.Unlock()
	<-b.asked
	<-b.asked
	cancel()
	if err := <-done; err != nil {
		t.Errorf("ballast status --watch = %v after an interrupt, want nil", err)
	}
	sick := "\n" + b.URL + "/metrics answered 502 Bad Gateway: is that Ballast's admin listener? Set --url\n" +
		"no answer since NOW, for 0s\n\n"
	got := regexp.MustCompile(`\d\d:\d\d:\d\d`).ReplaceAllString(out.b.String(), "NOW")
	if want := shopText + sick + shopText; !strings.HasPrefix(got, want) {
		t.Errorf("ballast status --watch printed\n%s\nwant\n%s", got, want)
	}
}

func TestStatus_watch_of_nobody(t *testing.T) {
	err := status(t.Context(), []string{"--watch", "--url=http://127.0.0.1:1"}, &bytes.Buffer{})
	if err == nil {
		t.Error("ballast status --watch of nobody = nil, want an error")
	}
}

// What people have set by hand, and what is on its way, stands with the pool.
func TestStatus_by_hand_and_on_the_way(t *testing.T) {
	d := shop()
	d.Pools = d.Pools[:1]
	ago := func(what time.Duration) autoscale.Mark { return autoscale.Mark{By: "anna", At: d.Time.Add(-what)} }
	until := d.Time.Add(40 * time.Second)
	p := &d.Pools[0]
	p.Replicas.Starting, p.Replicas.Warming, p.Replicas.Stale = 2, 1, 0
	for _, tt := range []struct {
		name     string
		override telemetry.OverrideDoc
		want     string
	}{
		{"paused", telemetry.OverrideDoc{Override: autoscale.Override{Paused: new(ago(3 * time.Minute))}}, "paused by anna 3m0s ago"},
		{"replicas", telemetry.OverrideDoc{Override: autoscale.Override{
			Replicas: &autoscale.Held{Setting: autoscale.Setting{N: 4, Mark: ago(20 * time.Second)}, Until: &until},
		}}, "4 replicas by anna 20s ago, at least for another 40s"},
		{"all else", telemetry.OverrideDoc{
			Override: autoscale.Override{
				Replicas: &autoscale.Held{Setting: autoscale.Setting{N: 4, Mark: ago(time.Second)}},
				Min:      &autoscale.Setting{N: 2, Mark: ago(2 * time.Hour)}, Max: &autoscale.Setting{N: 9, Mark: ago(0)},
			},
			Drained: []telemetry.DrainedDoc{{Name: "web-a", Mark: autoscale.Mark{By: "bo\x1bb", At: d.Time.Add(-time.Second)}}},
		}, "4 replicas by anna 1s ago; min 2 by anna 2h0m ago; max 9 by anna 0s ago; web-a drained by bo b 1s ago"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p.Override = &tt.override
			all := newLines(d, nil, 0)
			want := []line{{"  by hand: " + tt.want, bold}, {"  2 starting, 1 warming up", plain}}
			if diff := cmp.Diff(want, all[5:7], cmp.AllowUnexported(line{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Where there is no room for all columns those that matter least go, and it is said which.
func TestStatus_narrow(t *testing.T) {
	for _, tt := range []struct {
		width       int
		header, end string
	}{
		{100, "POOL     POLICY         READY  WARM  MIN-MAX  IN FLIGHT  QUEUED  REQ/S  P50     P95    P99    ERRORS", "can't be pulled"},
		{80, "POOL     READY  WARM  MIN-MAX  IN FLIGHT  QUEUED  REQ/S  P95    P99    ERRORS", "narrow: POLICY, P50"},
		{60, "POOL     READY  IN FLIGHT  QUEUED  REQ/S  P95    ERRORS", "    MIN-MAX, WARM"},
		{24, "POOL     READY  REQ/S", "P95"},
		{10, "POOL     READY", "    REQ/S"},
	} {
		all := newLines(shop(), nil, tt.width)
		last := all[len(all)-1].text
		if tt.header != all[3].text || !strings.Contains(last, tt.end) {
			t.Errorf("%d columns: %q and at the end %q, want %q and %q", tt.width, all[3].text, last, tt.header, tt.end)
		}
	}
}

func TestStatus_tells_how_fast_errors_grow(t *testing.T) {
	before, now := shop(), shop()
	now.Time = now.Time.Add(2 * time.Second)
	now.Pools[0].Errors += 5
	now.Pools[1].Errors = 3
	before.Pools[1].Errors = 7 // Before it was started anew.
	rows, _ := table(now, &before, 0)
	for i, want := range []string{"ERRORS", "  42 +2.5/s", "  3", "  0"} {
		if !strings.HasSuffix(rows[i], want) {
			t.Errorf("row %q, want %q at its end", rows[i], want)
		}
	}
}

// Behind a line that fills the terminal clearing would take its last character away.
func TestStatus_leaves_the_last_column_free(t *testing.T) {
	for have, want := range map[int]int{0: 0, 1: 0, 80: 79} {
		if got := (&screen{size: func() (int, int) { return have, 24 }}).columns(); got != want {
			t.Errorf("columns() of %d = %d, want %d", have, got, want)
		}
	}
}

// A page that is higher than the terminal would scroll, and the next would not stand over it.
func TestStatus_low_terminal(t *testing.T) {
	all := []line{{text: "one"}, {text: strings.Repeat("2", 25)}, {text: "three"}, {text: "four"}}
	for _, tt := range []struct {
		columns, lines int
		want           []string
	}{
		{0, 0, []string{"one", all[1].text, "three", "four"}},
		{80, 5, []string{"one", all[1].text, "three", "four"}},
		{80, 4, []string{"one", all[1].text, "2 more lines: the terminal is too low"}},
		{10, 6, []string{"one", all[1].text, "2 more lines: the terminal is too low"}},
		{10, 5, []string{"one", "3 more lines: the terminal is too low"}},
	} {
		s := &screen{terminal: true, size: func() (int, int) { return tt.columns, tt.lines }}
		var got []string
		for _, l := range s.fitting(all) {
			got = append(got, l.text)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%d columns, %d lines (-want +got):\n%s", tt.columns, tt.lines, diff)
		}
	}
}

// writes counts them, as what is written at once is shown at once.
type writes struct {
	bytes.Buffer
	n int
}

func (w *writes) Write(p []byte) (int, error) {
	w.n++
	return w.Buffer.Write(p)
}

func TestStatus_repaints_in_one_write(t *testing.T) {
	var out writes
	s := &screen{out: &out, terminal: true, colour: true}
	if err := s.repaint(newLines(shop(), nil, 80)); err != nil || out.n != 1 {
		t.Errorf("repaint() = %v with %d writes, want one", err, out.n)
	}
}

// A balancer that is started again is followed; on a terminal what was known last stays meanwhile.
func TestStatus_watch_survives_a_restart(t *testing.T) {
	b := serveStatus(t, shop())
	var out bytes.Buffer
	w := watcher{screen: &screen{out: &out, terminal: true}, options: clientOptions{url: b.URL}}
	ask := func() {
		t.Helper()
		body, d, err := w.ask(t.Context())
		if err != nil {
			err = w.lost(err, time.Now())
		} else {
			err = w.show(body, d)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	ask()
	address := b.Listener.Addr().String()
	b.Close()
	out.Reset()
	ask()
	lost := out.String()
	for _, want := range []string{"no answer from Ballast at " + b.URL, "no answer since ", "what was known last:", "Ballast 0.5.0, instance harbour-1", "api      weighted"} {
		if !strings.Contains(lost, want) {
			t.Errorf("without an answer it lacks %q:\n%s", want, lost)
		}
	}
	w.since = w.since.Add(-time.Minute)
	out.Reset()
	ask()
	if want := "for 1m0s"; !strings.Contains(out.String(), want) {
		t.Errorf("after a minute without an answer it lacks %q:\n%s", want, out.String())
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Skip("the port has another user by now")
	}
	again := httptest.NewUnstartedServer(b.Config.Handler)
	again.Listener.Close()
	again.Listener = l
	again.Start()
	t.Cleanup(again.Close)
	out.Reset()
	ask()
	if strings.Contains(out.String(), "no answer") || !strings.Contains(out.String(), "api      weighted") || !w.since.IsZero() {
		t.Errorf("started again it shows\n%s", out.String())
	}
}

// With --json each document is a line, and that there is none is told elsewhere, once.
func TestStatus_watch_json(t *testing.T) {
	b := serveStatus(t, shop())
	var out, errs bytes.Buffer
	w := watcher{screen: &screen{out: &out}, options: clientOptions{url: b.URL, json: true}, errors: &errs}
	for _, code := range []int{200, 200, 503, 503, 200} {
		b.mu.Lock()
		b.status = code
		b.mu.Unlock()
		body, d, err := w.ask(t.Context())
		if err != nil {
			err = w.lost(err, time.Now())
		} else {
			var several bytes.Buffer
			if err := json.Indent(&several, body, "", "  "); err != nil {
				t.Fatal(err)
			}
			err = w.show(several.Bytes(), d)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	for text := range strings.Lines(out.String()) {
		n++
		var d telemetry.Document
		if err := json.Unmarshal([]byte(text), &d); err != nil || len(d.Pools) != 3 {
			t.Errorf("line %d is no document: %v", n, err)
		}
	}
	if n != 3 {
		t.Errorf("%d lines, want 3", n)
	}
	told := strings.Split(errs.String(), "\n")
	if len(told) != 3 || !strings.Contains(told[0], "answered 503 Service Unavailable") || !strings.Contains(told[0], "no answer since") || !strings.Contains(told[1], "an answer again, after 0s") {
		t.Errorf("told %q", told)
	}
}
