//go:build docker

package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"
)

// testScalesByCPU keeps the half processor of a container busy, which is to bring a second one.
func (h *host) testScalesByCPU() {
	const of = "hot"
	name := h.name + "-" + of + "-1"
	h.t.Cleanup(h.removeClones) // After the original, from which others would be made.
	h.join(of+"-1", labels{
		"pool": of, "host": of + ".example", "scale.min": "1", "scale.max": "2", "scale.cpu": "50",
		// Requests alone ask for nothing.
		"concurrency": "0",
	}, "--cpus", "0.5", h.mock)
	h.waitPool(of, "it is ready", 10*time.Second, func(p pool) bool { return p.state(name) == "ready" })

	ctx, leave := context.WithCancel(h.t.Context())
	var burning sync.WaitGroup
	burning.Go(func() {
		for ctx.Err() == nil {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+h.listen+"/burn?ms=500", http.NoBody)
			if err != nil {
				h.t.Errorf("GET /burn: %v", err)
				return
			}
			req.Host = of + ".example"
			resp, err := h.client.Do(req)
			if err != nil {
				if ctx.Err() == nil {
					h.t.Errorf("GET /burn: %v", err)
				}
				return
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				h.t.Errorf("GET /burn = %s, want 200", resp.Status)
			}
		}
	})
	defer burning.Wait()
	defer leave()
	began := time.Now()
	h.waitPool(of, "a clone is ready", 40*time.Second, func(p pool) bool { return p.clones() == 1 && p.Replicas.Ready == 2 })
	h.t.Logf("a clone was ready %.1f s after the load began", time.Since(began).Seconds())

	_, body := h.fetch(http.DefaultClient, "/api/v1/decisions?pool="+of)
	var decisions []struct {
		Action, Reason string
		Inputs         struct {
			CPU float64 `json:"cpu_percent"`
		}
	}
	if err := json.Unmarshal(body, &decisions); err != nil || len(decisions) == 0 {
		h.t.Fatalf("decisions of %s: %v\n%s", of, err, body)
	}
	d := decisions[len(decisions)-1]
	// How many it wants depends on the measurement: 100 % is two, 101 % three. It may have two.
	const says = " % of their processors, target 50 % -> "
	if d.Action != "scale-out" || !strings.Contains(d.Reason, says) || d.Inputs.CPU < 60 {
		h.t.Errorf("the first decision is %+v, want a scale-out that says %q at more than 60 %%", d, says)
	}
	h.t.Log(d.Reason)
}
