package docker

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/google/go-cmp/cmp"

	"github.com/ballast-lb/ballast/engine"
)

const (
	running = `{"Id":"1","State":{"Status":"running","Running":true},"HostConfig":{"NanoCpus":1500000000}}`
	exited  = `{"Id":"1","State":{"Status":"exited"}}`

	sampleV1 = `{"read":"2026-01-02T03:04:05Z","cpu_stats":{"cpu_usage":{"total_usage":2000000000},"online_cpus":4},
		"memory_stats":{"usage":1000,"limit":5000,"stats":{"total_inactive_file":300,"inactive_file":1}}}`
	sampleV2    = `{"read":"2026-01-02T03:04:06Z","memory_stats":{"usage":1000,"limit":5000,"stats":{"inactive_file":200}}}`
	sampleBlank = `{"read":"0001-01-01T00:00:00Z"}`
)

// inspections answers each time with the next of bodies, and with the last from then on.
func inspections(bodies ...string) http.HandlerFunc {
	next := make(chan string, len(bodies))
	for _, body := range bodies[:len(bodies)-1] {
		next <- body
	}
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case body := <-next:
			answer(body)(w, r)
		default:
			answer(bodies[len(bodies)-1])(w, r)
		}
	}
}

func TestStats(t *testing.T) {
	one := engine.Stats{
		Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), CPU: 2 * time.Second, Cores: 1.5, Memory: 700, MemoryLimit: 5000,
	}
	two := engine.Stats{Time: one.Time.Add(time.Second), Cores: 1.5, Memory: 800, MemoryLimit: 5000}
	tests := []struct {
		name    string
		inspect http.HandlerFunc
		body    string
		want    []engine.Stats
		err     error
	}{
		{"both cgroup versions, then it stops", inspections(running), sampleV1 + sampleV2 + sampleBlank, []engine.Stats{one, two}, nil},
		{"it is removed", inspections(running, exited), sampleV1, []engine.Stats{one}, nil},
		{"the stream ends though it runs", inspections(running), sampleV1, []engine.Stats{one}, engine.ErrUnavailable},
		{"the stream is cut", inspections(running), sampleV1 + `{"read":`, []engine.Stats{one}, engine.ErrUnavailable},
		{"it does not run", inspections(exited), "", nil, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := newFake(t, map[string]http.HandlerFunc{
				"GET /containers/web-a/json": test.inspect,
				"GET /containers/web-a/stats": func(w http.ResponseWriter, _ *http.Request) {
					_, _ = io.WriteString(w, test.body)
				},
			})
			var got []engine.Stats
			var last error
			for sample, err := range e.Stats(t.Context(), "web-a") {
				if err != nil {
					last = err
					continue
				}
				got = append(got, sample)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("Stats() (-want +got):\n%s", diff)
			}
			if test.err == nil && last != nil {
				t.Errorf("Stats() ended with %v, want no error", last)
			}
			if test.err != nil {
				checkSentinel(t, last, test.err)
			}
		})
	}
}

func TestLimitedCores(t *testing.T) {
	tests := []struct {
		name string
		in   container.Resources
		want float64
	}{
		{"no limit", container.Resources{}, 0},
		{"cpus", container.Resources{NanoCPUs: 25e8}, 2.5},
		{"quota", container.Resources{CPUQuota: 50000, CPUPeriod: 25000}, 2},
		{"quota of the default period", container.Resources{CPUQuota: 50000}, 0.5},
		{"set", container.Resources{CpusetCpus: "0-2, 7"}, 4},
		{"nonsense", container.Resources{CpusetCpus: "2-0"}, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := limitedCores(test.in); got != test.want {
				t.Errorf("limitedCores() = %v, want %v", got, test.want)
			}
		})
	}
}

func TestToStats_without_limits(t *testing.T) {
	sample := container.StatsResponse{CPUStats: container.CPUStats{OnlineCPUs: 4}}
	sample.MemoryStats = container.MemoryStats{Usage: 100, Stats: map[string]uint64{"inactive_file": 200}}
	got := toStats(sample, 0)
	if got.Cores != 4 || got.Memory != 100 {
		t.Errorf("toStats() = %+v, want 4 cores, and no memory below 0", got)
	}
}
