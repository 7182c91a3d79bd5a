package fronttest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/containers"
)

var pageTests = []test{
	{"gives browsers a page and programs a problem", testPages},
	{"answers HEAD without a body", testPageHead},
}

var limitTests = []test{
	{"limits clients to a rate", testRate},
}

func testPages(t *testing.T, h Harness) {
	const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	outcomes := []struct {
		name, slug string
		status     int
		address    func(t *testing.T) []string
	}{
		{"no backend", "no-backend", 503, func(*testing.T) []string { return nil }},
		{"refused", "connect-failed", 502, func(t *testing.T) []string { return []string{Refusing(t)} }},
		{"no answer", "no-answer", 502, func(t *testing.T) []string { return []string{NewBackend(t, Replies("")).Address} }},
		{"a bad answer", "bad-response", 502, func(t *testing.T) []string { return []string{NewBackend(t, Replies("HTTP/9\r\n\r\n")).Address} }},
		{"too slow", "timeout", 504, func(t *testing.T) []string {
			return []string{NewBackend(t, func(_ net.Conn, r *bufio.Reader, _ string) { _, _ = r.ReadByte() }).Address}
		}},
	}
	for _, o := range outcomes {
		t.Run(o.name, func(t *testing.T) {
			addresses := o.address(t)
			conf := Settings()
			if o.status == 504 {
				conf.Timeout = 20 * time.Millisecond
			}
			s := NewSite(t, h, conf, Options{}, addresses...)
			for accept, html := range map[string]bool{
				browser: true, "TEXT/HTML;level=1": true, "": false, "*/*": false, "application/json": false, "text/html;q=0, */*": false,
			} {
				answer, _ := s.Say("GET /lb/ HTTP/1.1\r\nHost: x\r\nAccept: " + accept + "\r\n\r\n")
				wantUntold(t, answer, addresses)
				if !html {
					wantProblem(t, answer, o.status, o.slug)
					continue
				}
				if answer.Status != o.status || answer.Header.Get("X-Ballast-Error") != o.slug || answer.Header.Get("Cache-Control") != "no-store" {
					t.Errorf("%s: %d with %v", accept, answer.Status, answer.Header)
				}
				if got := answer.Header.Get("Content-Type"); got != "text/html; charset=utf-8" {
					t.Errorf("%s: Content-Type = %q", accept, got)
				}
				if !strings.HasPrefix(answer.Body, "<!DOCTYPE html>") || !strings.Contains(answer.Body, strconv.Itoa(o.status)) || strings.Contains(answer.Body, "<script") {
					t.Errorf("%s: the page is %s", accept, answer.Body)
				}
			}
		})
	}
}

// wantUntold checks that an answer tells nothing of where backends are.
func wantUntold(t *testing.T, answer Answer, addresses []string) {
	t.Helper()
	all := fmt.Sprint(answer.Header, answer.Body)
	for _, address := range append([]string{"127.0.0.1", "id-a"}, addresses...) {
		if strings.Contains(all, address) {
			t.Errorf("the answer tells %s: %s", address, all)
		}
	}
}

func testPageHead(t *testing.T, h Harness) {
	s := NewSite(t, h, Settings(), Options{})
	for _, accept := range []string{"text/html", "*/*"} {
		rest := "/lb/ HTTP/1.1\r\nHost: x\r\nAccept: " + accept + "\r\nConnection: close\r\n\r\n"
		answer, _ := s.Say("GET " + rest)
		all, err := s.SayAll("HEAD " + rest)
		head, body, ok := strings.Cut(all, "\r\n\r\n")
		if err != nil || !ok || body != "" || !strings.HasPrefix(head, "HTTP/1.1 503 ") {
			t.Errorf("%s: %q, %v, want a head", accept, all, err)
		}
		for _, name := range []string{"Content-Type", "Content-Length", "X-Ballast-Error", "Retry-After"} {
			if line := "\r\n" + name + ": " + answer.Header.Get(name) + "\r\n"; !strings.Contains(head+"\r\n", line) {
				t.Errorf("%s: the head lacks %q:\n%s", accept, line, head)
			}
		}
	}
}

// A burst passes, what is beyond it does not, and neither other clients nor the connection suffer.
func testRate(t *testing.T, h Harness) {
	const burst = 3
	conf := Settings()
	conf.RateLimit = containers.RateLimit{Rate: containers.Rate{Count: 1, Interval: time.Hour}, Burst: burst}
	s := NewSite(t, h, conf, edge("127.0.0.1/32"), Serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
	}))
	conn := s.Dial("")
	r := bufio.NewReader(conn)
	ask := func(client string) Answer {
		t.Helper()
		fmt.Fprint(conn, "POST /lb/ HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: "+client+"\r\nContent-Length: 5\r\n\r\nhello")
		answer, err := ReadAnswer(r)
		if err != nil {
			t.Fatalf("no answer for %s: %v", client, err)
		}
		return answer
	}
	for i := range burst {
		if answer := ask("192.0.2.1"); answer.Status != 200 || answer.Body != "hello" {
			t.Errorf("request %d of the burst: %v", i, answer)
		}
	}
	for range 2 {
		answer := ask("192.0.2.1")
		after, err := strconv.Atoi(answer.Header.Get("Retry-After"))
		if answer.Status != 429 || answer.Header.Get("X-Ballast-Error") != "rate-limited" || err != nil || after < 3500 || after > 3600 {
			t.Errorf("beyond the burst: %v, want 429 and about an hour of Retry-After", answer)
		}
		if answer := ask("192.0.2.2"); answer.Status != 200 {
			t.Errorf("another client: %v, want 200", answer)
		}
	}
	conn.Close()
	if report := s.Report(); report.Rejected["rate-limited"] != 2 || report.Backends[0].Requests != burst+2 {
		t.Errorf("rejected %v and %d requests of the backend, want 2 and %d", report.Rejected, report.Backends[0].Requests, burst+2)
	}
	if load := s.Core.Pool("default").Load(time.Now()); load.Requests != burst+2 || load.Served != burst+2 {
		t.Errorf("%d requests ask for backends and %d were served, want %d", load.Requests, load.Served, burst+2)
	}
	s.WantCounts(burst+4, 0, 0)
}
