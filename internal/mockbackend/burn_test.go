package mockbackend

import (
	"context"
	"net/http"
	"testing"
	"time"
)

func TestBackend_burns(t *testing.T) {
	h := New(Options{Name: "web-a"})
	began := time.Now()
	if w := get(t.Context(), h, "/burn?ms=30"); w.Code != http.StatusOK || decode[Who](t, w).Count != 1 {
		t.Errorf("GET /burn = %d %s, want 200 from the first request", w.Code, w.Body)
	}
	if took := time.Since(began); took < 30*time.Millisecond {
		t.Errorf("GET /burn?ms=30 took %s, want 30 ms", took)
	}
	if w := get(t.Context(), h, "/burn?ms=-1"); w.Code != http.StatusBadRequest {
		t.Errorf("GET /burn?ms=-1 = %d, want 400", w.Code)
	}
}

func TestBackend_burns_no_longer_than_its_client_waits(t *testing.T) {
	ctx, leave := context.WithCancel(t.Context())
	leave()
	ended := make(chan struct{})
	go func() {
		get(ctx, New(Options{}), "/burn?ms=600000")
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("GET /burn went on for 10 s after its client had left")
	}
}
