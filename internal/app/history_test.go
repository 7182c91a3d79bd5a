package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/containers/autoscale"
)

// historyAnswer is the answer of the history of a pool as programs read it.
type historyAnswer struct {
	Pool      string
	Time      []int64
	Requests  []*float64
	P95       []*float64 `json:"p95_ms"`
	Capacity  []*float64
	Ready     []*float64
	Desired   []*float64
	Decisions []struct {
		Time     int64
		Action   string
		From, To int
		Reason   string
	}
}

func (r *running) history(query string) (h historyAnswer) {
	r.t.Helper()
	resp, body := r.get("/api/v1/pools/default/history" + query)
	if err := json.Unmarshal([]byte(body), &h); err != nil || resp.StatusCode != http.StatusOK || resp.Header.Get("Cache-Control") != "no-store" {
		r.t.Fatalf("GET history = %s %q, %v: %.300s, want 200, no-store and JSON", resp.Status, resp.Header.Get("Cache-Control"), err, body)
	}
	return h
}

func TestApp_pool_history(t *testing.T) {
	r := start(t)
	for range 7 {
		r.get("/lb")
	}
	var h historyAnswer
	r.until("the history has the requests", func() bool {
		h = r.history("")
		var sum float64
		for _, n := range h.Requests {
			sum += *n
		}
		return sum > 6 // The seconds are not quite whole ones.
	})
	last := len(h.Time) - 1
	if *h.Ready[last] != 3 || *h.Desired[last] < 1 || *h.Capacity[last] != 12 || len(h.P95) != len(h.Time) {
		t.Errorf("history ends with %v ready of %v with capacity %v, want 3 of some with 12", *h.Ready[last], *h.Desired[last], *h.Capacity[last])
	}
	if !slices.ContainsFunc(h.P95, func(p *float64) bool { return p != nil && *p >= 40 }) {
		t.Errorf("p95 = %v, want the 50 ms that a request takes", h.P95)
	}
	since := h.Time[last]
	r.until("there is something newer", func() bool {
		h = r.history(fmt.Sprintf("?since=%d", since))
		return len(h.Time) > 0
	})
	if h.Time[0] <= since || len(h.Time) > 5 {
		t.Errorf("history since %d has times %v, want newer ones alone", since, h.Time)
	}
	if resp, body := r.get("/api/v1/pools/default/history?since=noon"); resp.StatusCode != http.StatusBadRequest || !strings.Contains(body, "bad-since") {
		t.Errorf("since=noon = %s %s, want 400 bad-since", resp.Status, body)
	}
	if resp, body := r.get("/api/v1/pools/none/history"); resp.StatusCode != http.StatusNotFound || !strings.Contains(body, "no-such-pool") {
		t.Errorf("history of no pool = %s %s, want 404 no-such-pool", resp.Status, body)
	}
}

// Each decision is in one answer, if who asks goes on where the last one ended.
func TestMarks(t *testing.T) {
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	newestFirst := []autoscale.Decision{
		{Time: noon.Add(3 * time.Second), Action: autoscale.ActionScaleIn, From: 5, To: 4, Reason: "c"},
		{Time: noon.Add(2 * time.Second), Action: autoscale.ActionScaleOut, From: 4, To: 5, Reason: "b"},
		{Time: noon, Action: autoscale.ActionScaleOut, From: 3, To: 4, Reason: "a"},
	}
	for _, tt := range []struct {
		since, last time.Duration
		want        string
	}{
		{-time.Hour, time.Hour, "abc"}, {-1, 0, "a"}, {0, 2 * time.Second, "b"}, {2 * time.Second, 10 * time.Second, "c"}, {0, 0, ""},
	} {
		got := ""
		for _, m := range marks(newestFirst, noon.Add(tt.since).UnixMilli(), noon.Add(tt.last).UnixMilli()) {
			got += m.Reason
		}
		if got != tt.want {
			t.Errorf("marks from %s to %s = %q, want %q", tt.since, tt.last, got, tt.want)
		}
	}
}
