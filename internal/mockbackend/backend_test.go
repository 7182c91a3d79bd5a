package mockbackend

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// get asks h without a network.
func get(ctx context.Context, h http.Handler, target string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func decode[T any](t *testing.T, w *httptest.ResponseRecorder) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		t.Fatalf("decode %q: %v", w.Body, err)
	}
	return v
}

func TestBackend_says_who_it_is(t *testing.T) {
	h := New(Options{Name: "web-a", ID: "4f2a", Weight: 3})
	for i, target := range []string{"/", "/a/b?x=1;y=%zz", "/a%2Fb"} {
		w := get(t.Context(), h, target)
		if w.Code != http.StatusOK || w.Header().Get(HeaderName) != "web-a" {
			t.Errorf("GET %s = %d from %q, want 200 from web-a", target, w.Code, w.Header().Get(HeaderName))
		}
		path, query, _ := strings.Cut(target, "?")
		want := Who{Container: "web-a", ID: "4f2a", Weight: 3, Count: int64(i + 1), InFlight: 1, Path: path, Query: query}
		if got := decode[Who](t, w); got != want {
			t.Errorf("GET %s = %+v, want %+v", target, got, want)
		}
	}
}

func TestBackend_answers_browsers_with_an_escaped_page(t *testing.T) {
	h := New(Options{Name: "<script>alert(1)</script>"})
	w := get(t.Context(), h, "/", "Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	if got := w.Header().Get("Content-Type"); !strings.HasPrefix(got, "text/html") {
		t.Errorf("Content-Type = %q, want text/html", got)
	}
	if body := w.Body.String(); strings.Contains(body, "<script>") || !strings.Contains(body, "&lt;script&gt;") {
		t.Errorf("page = %q, want the name escaped", body)
	}
}

func TestBackend_health_is_not_work(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(Options{Latency: time.Hour, Slots: 1, FailureRate: 1})
		start := time.Now()
		if w := get(t.Context(), h, "/health"); w.Code != http.StatusOK {
			t.Errorf("GET /health = %d, want 200", w.Code)
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("GET /health took %s, want no time", took)
		}
	})
}

func TestBackend_takes_its_time(t *testing.T) {
	tests := []struct {
		target string
		want   time.Duration
	}{
		{"/", 50 * time.Millisecond},
		{"/slow", 1050 * time.Millisecond},
		{"/slow?ms=200", 250 * time.Millisecond},
		{"/fail", 0},
		{"/echo", 0},
	}
	for _, tt := range tests {
		t.Run(tt.target, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := New(Options{Latency: 50 * time.Millisecond})
				start := time.Now()
				get(t.Context(), h, tt.target)
				if took := time.Since(start); took != tt.want {
					t.Errorf("GET %s took %s, want %s", tt.target, took, tt.want)
				}
			})
		})
	}
}

func TestBackend_lets_those_beyond_its_slots_wait_in_line(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(Options{Latency: 100 * time.Millisecond, Slots: 2})
		start := time.Now()
		var mu sync.Mutex
		took := map[time.Duration]int{}
		var requests sync.WaitGroup
		for range 5 {
			requests.Go(func() {
				get(t.Context(), h, "/")
				mu.Lock()
				defer mu.Unlock()
				took[time.Since(start)]++
			})
		}
		requests.Wait()
		for i, want := range []int{2, 2, 1} {
			after := time.Duration(i+1) * 100 * time.Millisecond
			if took[after] != want {
				t.Errorf("%d answers after %s, want %d: %v", took[after], after, want, took)
			}
		}
	})
}

func TestBackend_forgets_clients_that_left(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(Options{Latency: time.Hour, Slots: 1})
		var requests sync.WaitGroup
		impatient, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		for range 3 { // one has the slot, two wait for it
			requests.Go(func() {
				if w := get(impatient, h, "/"); w.Body.Len() != 0 {
					t.Errorf("answer = %q, want none: the client left", w.Body)
				}
			})
		}
		requests.Wait()
		start := time.Now()
		w := get(t.Context(), h, "/")
		if took := time.Since(start); took != time.Hour {
			t.Errorf("the next request took %s, want %s: the slot is free", took, time.Hour)
		}
		if got := decode[Who](t, w).InFlight; got != 1 {
			t.Errorf("in flight = %d, want 1", got)
		}
	})
}

func TestBackend_fails_at_its_rate(t *testing.T) {
	for _, rate := range []float64{0, 0.01, 0.29, 0.5, 1} {
		h := New(Options{FailureRate: rate})
		failed := 0
		for range 200 {
			if get(t.Context(), h, "/").Code == http.StatusInternalServerError {
				failed++
			}
		}
		if want := int(200*rate + 0.5); failed < want-1 || failed > want+1 {
			t.Errorf("rate %g: %d of 200 failed, want %d, give or take one", rate, failed, want)
		}
	}
}

func TestBackend_status(t *testing.T) {
	tests := []struct {
		target string
		want   int
	}{
		{"/fail", 500},
		{"/fail?status=404", 404},
		{"/fail?status=599", 599},
		{"/fail?status=199", 400},
		{"/fail?status=600", 400},
		{"/fail?status=x", 400},
		{"/slow?ms=-1", 400},
		{"/slow?ms=600001", 400},
		{"/bytes?n=-1", 400},
		{"/sse?n=-1", 400},
		{"/sse?ms=never", 400},
		{"/exit?code=256", 400},
		{"/exit", 501},
		{"/deaf", 501},
		{"/ws", 426},
	}
	h := New(Options{})
	for _, tt := range tests {
		if got := get(t.Context(), h, tt.target).Code; got != tt.want {
			t.Errorf("GET %s = %d, want %d", tt.target, got, tt.want)
		}
	}
}

func TestBackend_exits_after_it_answered(t *testing.T) {
	w := httptest.NewRecorder()
	code := -1
	h := New(Options{Exit: func(c int) {
		code = c
		if !w.Flushed || w.Code != http.StatusAccepted {
			t.Errorf("at exit: flushed %t, status %d, want true and 202", w.Flushed, w.Code)
		}
	}})
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/exit?code=3", nil))
	if code != 3 {
		t.Errorf("exit code = %d, want 3", code)
	}
}

func TestBackend_keeps_no_state_between_backends(t *testing.T) {
	a, b := New(Options{Name: "a"}), New(Options{Name: "b"})
	get(t.Context(), a, "/")
	if got := decode[Who](t, get(t.Context(), b, "/")); got.Count != 1 || got.Container != "b" {
		t.Errorf("b says %+v, want its own name and count 1", got)
	}
}
