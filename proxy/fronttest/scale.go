package fronttest

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
)

// scaleTests are of a pool that has no backend and scales.
var scaleTests = []test{
	{"holds requests until the first backend comes", testHoldScale},
	{"releases in order as many as a backend may serve", testHoldScaleOrder},
	{"a client goes away before a backend comes", testHoldScaleLeaves},
	{"says at once when none will come", testNotComing},
	{"lets those who are ignored not wait", testIgnored},
	{"gives browsers a page to wait at", testWaitPage},
}

// scaling is a pool whose backends serve one request at a time, as many as they are.
func scaling(timeout time.Duration) containers.Settings {
	conf := one(containers.Queue{Size: 64, Timeout: timeout})
	conf.Scale.Max = 5
	return conf
}

// join lets a backend come.
func (s *Site) join(name, address string) {
	s.Backends = append(s.Backends, Spec(name, address))
	s.Apply()
}

// later asks for a path, and tells the answer when it comes.
func (s *Site) later(method, path, body string, fields ...string) <-chan Answer {
	s.t.Helper()
	r := Request(s.t, method, s.URL(path), strings.NewReader(body))
	for i := 0; i < len(fields); i += 2 {
		r.Header.Set(fields[i], fields[i+1])
	}
	answers := make(chan Answer, 1)
	go func() {
		answer, err := Do(s.client, r)
		if err != nil {
			s.t.Errorf("%s %s: %v", method, path, err)
		}
		answers <- answer
	}()
	return answers
}

func testHoldScale(t *testing.T, h Harness) {
	s := NewSite(t, h, scaling(Patience), Options{})
	get, post := s.later("GET", "/a", ""), s.later("POST", "/b", "hello")
	s.queued(2)
	if got := s.woken.Load(); got != 2 {
		t.Errorf("OnHold was called %d times, want 2", got)
	}
	s.join("a", Serve(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Method, r.URL.Path) }))
	for want, answers := range map[string]<-chan Answer{"GET/a": get, "POST/b": post} {
		if answer := receive(t, answers, "an answer"); answer.Status != 200 || answer.Body != want {
			t.Errorf("%v, want 200 and %s", answer, want)
		}
	}
	s.WantCounts(2, 0, 0)
}

func testHoldScaleOrder(t *testing.T, h Harness) {
	const requests = 6
	conf := scaling(Patience)
	conf.Concurrency = 2
	s := NewSite(t, h, conf, Options{})
	var conns []net.Conn
	for i := range requests {
		conns = append(conns, s.Dial(get(fmt.Sprint("/", i))))
		s.queued(i + 1)
	}
	g, other := newGate(t), newGate(t)
	s.join("a", g.address)
	s.queued(requests - 2)
	s.join("b", other.address)
	s.queued(requests - 4)
	// Two that are released together may come in any order.
	wantBoth(t, g, "/0", "/1")
	wantBoth(t, other, "/2", "/3")
	g.open <- struct{}{}
	g.wantArrived(t, "/4")
	s.queued(1)
	for range requests {
		g.open <- struct{}{}
		other.open <- struct{}{}
	}
	for i, conn := range conns {
		wantServed(t, conn, fmt.Sprint("/", i))
	}
	s.WantCounts(requests, 0, 0)
}

func wantBoth(t *testing.T, g *gate, one, two string) {
	t.Helper()
	first, second := receive(t, g.arrived, one), receive(t, g.arrived, two)
	if !(first == one && second == two || first == two && second == one) {
		t.Errorf("%s and %s came to the backend, want %s and %s", first, second, one, two)
	}
}

func testHoldScaleLeaves(t *testing.T, h Harness) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			s := NewSite(t, h, scaling(4*Patience), Options{})
			first := s.Dial(get("/first"))
			s.queued(1)
			second := s.Dial(get("/second"))
			s.queued(2)
			way.leave(first)
			s.queued(1)
			g := newGate(t)
			s.join("a", g.address)
			g.wantArrived(t, "/second")
			g.open <- struct{}{}
			wantServed(t, second, "/second")
			s.WantCounts(2, 0, 0)
		})
	}
}

func testNotComing(t *testing.T, h Harness) {
	const why = "Starting a container has failed 3 times; the next try is in 8 s."
	s := NewSite(t, h, scaling(4*Patience), Options{})
	held := s.later("GET", "/held", "")
	s.queued(1)
	s.Core.SetOutlook("default", proxy.Outlook{Why: why, In: 8 * time.Second})
	page := s.later("GET", "/page", "", "Accept", "text/html")
	for name, answers := range map[string]<-chan Answer{"held": held, "late": s.later("POST", "/late", "hello"), "page": page} {
		answer := receive(t, answers, "an answer")
		if name == "page" {
			if answer.Status != 503 || !strings.Contains(answer.Body, "<h1>No capacity</h1>") || !strings.Contains(answer.Body, why) {
				t.Errorf("the page is %v", answer)
			}
		} else {
			var p proxy.Problem
			if err := json.Unmarshal([]byte(answer.Body), &p); err != nil || answer.Status != 503 || p.Title != "No capacity" || p.Detail != why {
				t.Errorf("%s is told %s, want why", name, answer.Body)
			}
		}
		if after, slug := answer.Header.Get("Retry-After"), answer.Header.Get("X-Ballast-Error"); after != "8" || slug != "no-capacity" {
			t.Errorf("%s: Retry-After = %q, X-Ballast-Error = %q, want 8, no-capacity", name, after, slug)
		}
	}
	s.Core.SetOutlook("default", proxy.Outlook{Coming: true})
	again := s.later("GET", "/again", "")
	s.queued(1)
	s.join("a", NewOK(t).Address)
	if answer := receive(t, again, "an answer"); answer.Status != 200 {
		t.Errorf("when one has come %v, want 200", answer)
	}
	s.WantCounts(4, 3, 0)
	if got := s.Report().Rejected["no-capacity"]; got != 3 {
		t.Errorf("%d rejections, want 3", got)
	}
}

func testIgnored(t *testing.T, h Harness) {
	conf := scaling(4 * Patience)
	conf.Scale.IgnoreAgents = "kube-probe,*bot*"
	s := NewSite(t, h, conf, Options{})
	ask := func(agent string) Answer {
		t.Helper()
		return receive(t, s.later("GET", "/", "", "User-Agent", agent), "an answer")
	}
	wantProblem(t, ask("kube-probe/1.30"), 503, "no-backend")
	held := s.later("GET", "/", "", "User-Agent", "curl/8")
	s.queued(1)
	wantProblem(t, ask("Mozilla/5.0 (compatible; GoogleBot/2.1)"), 503, "no-backend")
	s.join("a", NewOK(t).Address)
	if answer := receive(t, held, "an answer"); answer.Status != 200 {
		t.Errorf("who waited is answered %v", answer)
	}
	if answer := ask("kube-probe/1.30"); answer.Status != 200 {
		t.Errorf("where one serves %v, want 200", answer)
	}
	if load := s.Core.Pool("default").Load(time.Now()); load.Requests != 1 || s.woken.Load() != 1 {
		t.Errorf("%d requests wake and OnHold was called %d times, want 1 and 1", load.Requests, s.woken.Load())
	}
	s.WantCounts(4, 2, 0)
}

func testWaitPage(t *testing.T, h Harness) {
	const browser = "text/html,application/xhtml+xml,*/*;q=0.8"
	conf := scaling(4 * Patience)
	conf.Scale.WaitPage = true
	s := NewSite(t, h, conf, Options{})
	s.Core.SetOutlook("default", proxy.Outlook{Coming: true, In: 10 * time.Second})
	answer := receive(t, s.later("GET", "/shop?x=1", "", "Accept", browser, "Sec-Fetch-Mode", "navigate"), "the page")
	wantUntold(t, answer, nil)
	for name, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store", "X-Ballast-Error": "waiting", "Retry-After": "10",
	} {
		if got := answer.Header.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	policy := answer.Header.Get("Content-Security-Policy")
	if answer.Status != 503 || !strings.Contains(answer.Body, `<script src="/.ballast/wait.js"`) || !strings.Contains(answer.Body, "<noscript>") ||
		!strings.HasPrefix(policy, "default-src 'none'; script-src 'self'; connect-src 'self';") {
		t.Errorf("the page is %d with %q: %s", answer.Status, policy, answer.Body)
	}
	if load := s.Core.Pool("default").Load(time.Now()); load.Requests != 1 || s.woken.Load() != 1 {
		t.Errorf("%d requests wake and OnHold was called %d times, want 1 and 1", load.Requests, s.woken.Load())
	}
	held := []<-chan Answer{
		s.later("GET", "/", "", "Accept", browser, "Sec-Fetch-Mode", "cors"),
		s.later("GET", "/", "", "Accept", "application/json"),
		s.later("POST", "/", "hello", "Accept", browser),
	}
	s.queued(3)
	s.Core.SetOutlook("default", proxy.Outlook{Coming: true, In: 2 * time.Second})
	held = append(held, s.later("GET", "/", "", "Accept", browser))
	s.queued(4)
	s.join("a", NewOK(t).Address)
	held = append(held, s.later("GET", "/", "", "Accept", browser))
	for i, answers := range held {
		if answer := receive(t, answers, "an answer"); answer.Status != 200 {
			t.Errorf("%d is answered %v, want 200", i, answer)
		}
	}
	s.WantCounts(6, 0, 0)
}
