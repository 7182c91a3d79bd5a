package app

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/ballast-lb/ballast/engine"
)

// talker is an engine whose containers wrote lines, or can't be asked.
type talker struct {
	engine.Engine
	lines []engine.LogLine
	err   error
	// asked is what it was asked for last, within how long it must have answered.
	asked  string
	tail   int
	within time.Duration
}

func (e *talker) Logs(ctx context.Context, id string, tail int) iter.Seq2[engine.LogLine, error] {
	deadline, _ := ctx.Deadline()
	e.asked, e.tail, e.within = id, tail, time.Until(deadline)
	return func(yield func(engine.LogLine, error) bool) {
		for _, l := range e.lines[max(0, len(e.lines)-tail):] {
			if !yield(l, nil) {
				return
			}
		}
		if e.err != nil {
			yield(engine.LogLine{}, e.err)
		}
	}
}

// logs asks the handler itself, without the guard.
func (r *running) logs(path string) (*http.Response, string) {
	router := chi.NewRouter()
	router.Get("/{id}/logs", r.app.serveLogs)
	w := httptest.NewRecorder()
	router.ServeHTTP(w, httptest.NewRequestWithContext(r.t.Context(), http.MethodGet, path, http.NoBody))
	return w.Result(), w.Body.String()
}

func TestApp_logs(t *testing.T) {
	r := start(t)
	if _, err := r.app.engine.Create(t.Context(), engine.Spec{Name: "db", Template: "web-a"}); err != nil {
		t.Fatal(err)
	}
	r.until("db is known", func() bool {
		resp, _ := r.get("/api/v1/containers/db")
		return resp.StatusCode == http.StatusOK
	})
	_, first := r.logs("/web-a/logs")
	if !strings.Contains(first, " mock-backend web-a ") || !strings.HasPrefix(first, "20") {
		t.Errorf("logs of web-a = %q, want what it said when it started, with the time", first)
	}

	e := &talker{Engine: r.app.engine}
	r.app.engine = e
	noon := time.Date(2026, 1, 2, 12, 0, 0, 7, time.UTC)
	for i := range 2000 {
		e.lines = append(e.lines, engine.LogLine{Time: noon, Text: fmt.Sprint("line ", i)})
	}
	resp, body := r.logs("/web-a/logs")
	if n := strings.Count(body, "\n"); n != 200 || !strings.HasSuffix(body, "\n2026-01-02T12:00:00.000000007Z line 1999\n") {
		t.Errorf("%d lines that end with %q, want the last 200", n, body[len(body)-60:])
	}
	h := resp.Header
	if h.Get("Content-Type") != "text/plain; charset=utf-8" || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "no-store" {
		t.Errorf("headers = %v, want plain text, nosniff, no-store", h)
	}
	if e.asked != r.container("web-a").FullID || e.within <= 0 || e.within > 5*time.Second {
		t.Errorf("asked for %s with %s left, want web-a's ID and 5 s", e.asked, e.within)
	}
	if _, body = r.logs("/web-a/logs?tail=3"); strings.Count(body, "\n") != 3 || e.tail != 3 {
		t.Errorf("tail=3 = %q of %d, want 3 lines", body, e.tail)
	}

	big := strings.Repeat("x", 10_000)
	for i := range e.lines {
		e.lines[i].Text = fmt.Sprint(big, i, "\xff")
	}
	if _, body = r.logs("/web-a/logs?tail=1000"); len(body) > maxLogBytes || len(body) < maxLogBytes-11_000 || !strings.HasSuffix(body, "1999\uFFFD\n") ||
		!strings.HasPrefix(body, "2026-") {
		t.Errorf("%d bytes of long lines, want the last 256 KiB, in whole lines and UTF-8", len(body))
	}

	for _, tt := range []struct {
		path   string
		err    error
		status int
		slug   string
	}{
		{"/web-a/logs?tail=0", nil, 400, "bad-tail"},
		{"/web-a/logs?tail=1001", nil, 400, "bad-tail"},
		{"/web-a/logs?tail=x", nil, 400, "bad-tail"},
		{"/nobody/logs", nil, 404, "no-such-container"},
		{"/web/logs", nil, 409, "ambiguous"},
		{"/db/logs", nil, 403, "not-enabled"},
		{"/web-a/logs", fmt.Errorf("read: %w", engine.ErrNotFound), 404, "no-such-container"},
		{"/web-a/logs", errors.New("its logging driver can't be read"), 502, "no-logs"},
	} {
		e.err = tt.err
		if resp, body := r.logs(tt.path); resp.StatusCode != tt.status || resp.Header.Get("X-Ballast-Error") != tt.slug {
			t.Errorf("GET %s = %s %.200s, want %d %s", tt.path, resp.Status, body, tt.status, tt.slug)
		}
	}
}

// Until there are users, nobody may read logs.
func TestApp_logs_need_a_login(t *testing.T) {
	r := start(t)
	resp, body := r.get("/api/v1/containers/web-a/logs")
	if resp.StatusCode != http.StatusForbidden || resp.Header.Get("X-Ballast-Error") != "no-users" || !strings.Contains(body, "admin.auth.users-file") {
		t.Errorf("GET logs = %s %s, want 403 no-users that says what it needs", resp.Status, body)
	}
}
