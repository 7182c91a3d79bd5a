package fronttest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ballast-lb/ballast/containers"
)

var answerTests = []test{
	{"gives answers of its own", testOwnAnswers},
	{"passes answers on as they are", testAnswers},
	{"counts a bad answer as one failure", testBadAnswers},
	{"breaks off a long answer that breaks off", testLongTruncated},
	{"brings clients back to their backend", testAffinity},
	{"brings clients back to a backend that was busy", testAffinityBusy},
	{"brings clients back to a backend that failed them", testAffinityFailed},
}

func testOwnAnswers(t *testing.T, h Harness) {
	tests := []struct {
		name    string
		address func(t *testing.T) []string
		path    string
		status  int
		slug    string
	}{
		{"no backend", func(*testing.T) []string { return nil }, "/", 503, "no-backend"},
		{"refused", func(t *testing.T) []string { return []string{Refusing(t)} }, "/", 502, "connect-failed"},
		{"all refused", func(t *testing.T) []string { return []string{Refusing(t), Refusing(t), Refusing(t)} }, "/", 502, "connect-failed"},
		{"closed without an answer", func(t *testing.T) []string { return []string{NewBackend(t, Replies("")).Address} }, "/", 502, "no-answer"},
		{"not HTTP", func(t *testing.T) []string { return []string{NewBackend(t, Replies("SSH-2.0-x\r\n\r\n")).Address} }, "/", 502, "bad-response"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			addresses := tt.address(t)
			s := NewSite(t, h, Settings(), Options{}, addresses...)
			answer, err := s.Ask("GET", tt.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			wantProblem(t, answer, tt.status, tt.slug)
			for _, address := range addresses {
				if strings.Contains(answer.Body, address) || strings.Contains(answer.Body, "127.0.0.1") {
					t.Errorf("the answer tells the address %s: %s", address, answer.Body)
				}
			}
			if got := s.Report(); got.Rejected[tt.slug] != 1 || got.Requests != 1 || got.Errors != 1 {
				t.Errorf("rejected %v, requests %d, errors %d, want %s once", got.Rejected, got.Requests, got.Errors, tt.slug)
			}
		})
	}
}

// wantProblem checks that an answer is a whole one of Ballast's own.
func wantProblem(t *testing.T, answer Answer, status int, slug string) {
	t.Helper()
	if answer.Status != status || answer.Header.Get("X-Ballast-Error") != slug {
		t.Errorf("%d %q, want %d %q", answer.Status, answer.Header.Get("X-Ballast-Error"), status, slug)
	}
	if got := answer.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("Content-Type = %q", got)
	}
	if got := answer.Header.Get("Retry-After"); (got == "1") != (status == 503) {
		t.Errorf("Retry-After = %q with status %d", got, status)
	}
	var problem struct {
		Type, Title, Detail string
		Status              int
	}
	if err := json.Unmarshal([]byte(answer.Body), &problem); err != nil {
		t.Fatalf("body %q: %v", answer.Body, err)
	}
	if problem.Type == "" || problem.Title == "" || problem.Detail == "" || problem.Status != status {
		t.Errorf("problem is incomplete: %+v", problem)
	}
}

func testAnswers(t *testing.T, h Harness) {
	tests := []struct {
		name, reply string
		status      int
		body        string
		absent      []string
	}{
		{"no content type is guessed", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", 200, "<html>", []string{"Content-Type"}},
		{"redirects are not followed", "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", 302, "", nil},
		{
			"hop-by-hop headers are removed", "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Hop\r\nKeep-Alive: 5\r\nX-Hop: 1\r\nContent-Length: 0\r\n\r\n",
			200, "",
			[]string{"Connection", "Keep-Alive", "X-Hop"},
		},
		{"a backend can't speak for us", "HTTP/1.1 200 OK\r\nX-Ballast-Error: no-backend\r\nContent-Length: 0\r\n\r\n", 200, "", []string{"X-Ballast-Error"}},
		{"early hints come first", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok", nil},
		{"a body to the end of the connection", "HTTP/1.1 200 OK\r\n\r\nhello", 200, "hello", nil},
		{"100 fields", "HTTP/1.1 200 OK\r\n" + strings.Repeat("X-Y: z\r\n", 99) + "Content-Length: 0\r\n\r\n", 200, "", nil},
		{"an unusual status", "HTTP/1.1 599 Odd\r\nContent-Length: 0\r\n\r\n", 599, "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := NewSite(t, h, Settings(), Options{}, NewBackend(t, Replies(tt.reply)).Address)
			answer, err := s.Ask("GET", "/", nil)
			if err != nil {
				t.Fatal(err)
			}
			if answer.Status != tt.status || answer.Body != tt.body {
				t.Errorf("%d %q, want %d %q", answer.Status, answer.Body, tt.status, tt.body)
			}
			for _, name := range tt.absent {
				if got, ok := answer.Header[name]; ok {
					t.Errorf("%s: %q", name, got)
				}
			}
		})
	}
}

// Case 28: an answer that is none is a 502, one that stops being one is broken off; either is one failure.
func testBadAnswers(t *testing.T, h Harness) {
	tests := []struct {
		name, reply string
		status      int // 0: the answer is broken off.
	}{
		{"a length that is not kept", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", 0},
		{"chunks that break off", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", 0},
		{"chunks that are none", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n", 0},
		{"trailers that break off", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1", 0},
		{"a status below 100", "HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n", 502},
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", 502},
		{"a negative length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nhello", 502},
		{"an upgrade nobody asked for", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 502},
		{"a head that breaks off", "HTTP/1.1 200 OK\r\nContent-", 502},
		{"a status above 599", "HTTP/1.1 600 High\r\nContent-Length: 0\r\n\r\n", 502},
		{"101 fields", "HTTP/1.1 200 OK\r\n" + strings.Repeat("X-Y: z\r\n", 100) + "Content-Length: 0\r\n\r\n", 502},
		{"101 fields and chunks", "HTTP/1.1 200 OK\r\n" + strings.Repeat("X-Y: z\r\n", 100) + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 502},
		{"fields of more than 64 KiB", "HTTP/1.1 200 OK\r\nX-Y: " + strings.Repeat("z", 64<<10) + "\r\nContent-Length: 0\r\n\r\n", 502},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			backend := NewBackend(t, Replies(tt.reply))
			s := NewSite(t, h, Settings(), Options{}, backend.Address)
			answer, err := s.Ask("GET", "/", nil)
			switch {
			case tt.status == 0 && err == nil:
				t.Errorf("the answer came whole, with status %d", answer.Status)
			case tt.status != 0 && (err != nil || answer.Status != tt.status):
				t.Errorf("answer %v (%v), want status %d", answer, err, tt.status)
			}
			s.WantCounts(1, 1, 1)
			if got := len(backend.Received()); got != 1 {
				t.Errorf("the backend got %d requests, want 1", got)
			}
		})
	}
}

// Case 28, of a size that is not passed on through buffers everywhere: what came before the break arrives,
// and the break as well.
func testLongTruncated(t *testing.T, h Harness) {
	const announced, sent = 3 << 20, 2<<20 + 5
	reply := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", announced, strings.Repeat("x", sent))
	s := NewSite(t, h, Settings(), Options{}, NewBackend(t, Replies(reply)).Address)
	answer, err := s.Ask("GET", "/", nil)
	if err == nil || answer.Status != 200 || len(answer.Body) != sent {
		t.Errorf("%d with %d bytes, %v, want 200, %d bytes and an error", answer.Status, len(answer.Body), err, sent)
	}
	s.WantCounts(1, 1, 1)
}

func testAffinity(t *testing.T, h Harness) {
	name := func(n string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, n) }
	}
	conf := Settings()
	conf.Sticky = containers.Sticky{Enabled: true, TTL: 3600e9, Cookie: "ballast_affinity"}
	s := NewSite(t, h, conf, Options{}, Serve(t, name("a")), Serve(t, name("b")))
	ask := func(cookie string) (string, []*http.Cookie) {
		r := Request(t, "GET", s.URL("/"), nil)
		if cookie != "" {
			r.Header.Set("Cookie", cookie)
		}
		answer, err := Do(s.client, r)
		if err != nil {
			t.Fatal(err)
		}
		return answer.Body, (&http.Response{Header: answer.Header}).Cookies()
	}
	first, cookies := ask("")
	if len(cookies) != 1 {
		t.Fatalf("%d cookies set, want 1", len(cookies))
	}
	got := cookies[0]
	want := &http.Cookie{
		Name: "ballast_affinity", Value: got.Value, Path: "/", MaxAge: 3600, HttpOnly: true, Secure: h.http2,
		SameSite: http.SameSiteLaxMode, Raw: got.Raw,
	}
	if diff := cmp.Diff(want, got); diff != "" || len(got.Value) != 22 || strings.Contains(got.Value, "id-"+first) {
		t.Errorf("cookie %q differs (-want +got):\n%s", got.Value, diff)
	}
	back := "x=y; " + got.Name + "=" + got.Value
	for range 6 {
		if body, cookies := ask(back); body != first || len(cookies) != 0 {
			t.Errorf("a client of %s came to %s and got %d cookies, want 0", first, body, len(cookies))
		}
	}
	if _, cookies := ask("ballast_affinity=unknown"); len(cookies) != 1 {
		t.Errorf("an unknown value was answered with %d cookies, want a new one", len(cookies))
	}
	if err := s.Core.Drain(t.Context(), "id-"+first); err != nil {
		t.Fatal(err)
	}
	if body, cookies := ask(back); body == first || len(cookies) != 1 {
		t.Errorf("after its backend was drained a client came to %s and got %d cookies, want another and 1", body, len(cookies))
	}
}

// askWith sends a request with a cookie.
func (s *Site) askWith(cookie, path string) Answer {
	s.t.Helper()
	r := Request(s.t, "GET", s.URL(path), nil)
	r.Header.Set("Cookie", cookie)
	answer, err := Do(s.client, r)
	if err != nil {
		s.t.Error(err)
	}
	return answer
}

// A client whose backend is busy is served by another one this time, and is at home there still.
func testAffinityBusy(t *testing.T, h Harness) {
	g := newGate(t)
	conf := one(containers.Queue{Size: 1, Timeout: Patience})
	conf.Sticky = containers.Sticky{Enabled: true, TTL: 3600e9, Cookie: "ballast_affinity"}
	s := NewSite(t, h, conf, Options{}, g.address, Serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "other") }))
	g.open <- struct{}{}
	home := (&http.Response{Header: s.askWith("", "/home").Header}).Cookies()[0]
	cookie := home.Name + "=" + home.Value
	g.wantArrived(t, "/home")
	s.Settled()
	busy := make(chan Answer)
	go func() { busy <- s.askWith(cookie, "/long") }()
	g.wantArrived(t, "/long")
	if answer := s.askWith(cookie, "/short"); answer.Body != "other" || answer.Header.Get("Set-Cookie") != "" {
		t.Errorf("while its backend was busy a client got %v, want another's answer and no cookie", answer)
	}
	g.open <- struct{}{}
	if answer := receive(t, busy, "the long answer"); answer.Body != "/long" || answer.Header.Get("Set-Cookie") != "" {
		t.Errorf("the long answer is %v, want no cookie", answer)
	}
}

// So is one whose backend gives no answer, and one whose backend is on trial and has another request to decide it.
func testAffinityFailed(t *testing.T, h Harness) {
	arrived, open := make(chan struct{}), make(chan struct{})
	home := Serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch strings.TrimPrefix(r.URL.Path, "/") {
		case "none":
			panic(http.ErrAbortHandler)
		case "fail":
			w.WriteHeader(http.StatusInternalServerError)
		case "long":
			arrived <- struct{}{}
			<-open
		}
		fmt.Fprint(w, "home")
	})
	conf := one(containers.Queue{Size: 1, Timeout: Patience}) // Else a probe that lasts would not be the only one.
	conf.Sticky = containers.Sticky{Enabled: true, TTL: 3600e9, Cookie: "ballast_affinity"}
	conf.Breaker, conf.Health.Path = breakAfter, "/"
	s := NewSite(t, h, conf, Options{}, home, Serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "other") }))
	set := (&http.Response{Header: s.askWith("", "/").Header}).Cookies()[0]
	cookie := set.Name + "=" + set.Value
	want := func(when, path, body string) {
		t.Helper()
		s.Settled() // The client is answered before its place is free.
		if answer := s.askWith(cookie, path); answer.Body != body || answer.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s a client got %v, want %s and no cookie", when, answer, body)
		}
	}
	want("when its backend gave no answer", "/none", "other")
	want("then", "/", "home")
	for range breakAfter {
		want("while its backend failed", "/fail", "home")
	}
	s.Core.Passed(s.Backends[0].Identity)
	probe := make(chan Answer)
	s.Settled()
	go func() { probe <- s.askWith(cookie, "/long") }()
	receive(t, arrived, "the probe")
	if answer := s.askWith(cookie, "/"); answer.Body != "other" || answer.Header.Get("Set-Cookie") != "" {
		t.Errorf("while its backend was on trial a client got %v, want another's answer and no cookie", answer)
	}
	open <- struct{}{}
	if answer := receive(t, probe, "the answer"); answer.Body != "home" || answer.Header.Get("Set-Cookie") != "" {
		t.Errorf("the probe got %v, want no cookie", answer)
	}
	want("in the end", "/", "home")
}
