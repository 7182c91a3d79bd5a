package telemetry

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func newMetrics(t *testing.T, reg prometheus.Registerer) *Metrics {
	t.Helper()
	m, err := NewMetrics(reg, "1.2.3")
	if err != nil {
		t.Fatalf("NewMetrics() = %v", err)
	}
	return m
}

func TestMetrics(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	m := newMetrics(t, reg)
	m.ScaleAction("web", "scale-out")
	m.ScaleAction("web", "scale-out")
	m.ContainerReady("web", "create", 300*time.Millisecond)
	want := `
# HELP loadbalancer_scale_actions_total What was done to the clones of a pool: create, remove, or fail (one that was no use).
# TYPE loadbalancer_scale_actions_total counter
loadbalancer_scale_actions_total{action="scale-out",pool="web"} 2
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "loadbalancer_scale_actions_total"); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"loadbalancer_container_ready_seconds", "loadbalancer_build_info", "go_goroutines", "process_open_fds"} {
		if n, err := testutil.GatherAndCount(reg, name); err != nil || n != 1 {
			t.Errorf("%s: %d series, error %v, want 1", name, n, err)
		}
	}
}

func TestMetrics_Keep(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	m := newMetrics(t, reg)
	for _, pool := range []string{"web", "shop", "sh\xffp"} {
		m.ScaleAction(pool, "create")
		m.ScaleAction(pool, "remove")
		m.ContainerReady(pool, "create", time.Second)
		m.ContainerReady(pool, "start", time.Second)
	}
	m.Keep(func(pool string) bool { return pool == "web" })
	for _, name := range []string{"loadbalancer_scale_actions_total", "loadbalancer_container_ready_seconds"} {
		if n, err := testutil.GatherAndCount(reg, name); err != nil || n != 2 {
			t.Errorf("%s: %d series, error %v, want the 2 of the pool that is there", name, n, err)
		}
	}
	if n := len(m.pools); n != 1 {
		t.Errorf("%d pools are known, want 1", n)
	}
	m.ScaleAction("shop", "create")
	if n := testutil.ToFloat64(m.scaleActions.WithLabelValues("shop", "create")); n != 1 {
		t.Errorf("a pool that came again counts %v, want 1", n)
	}
}

func TestNewMetrics_Twice(t *testing.T) {
	reg := prometheus.NewRegistry()
	newMetrics(t, reg)
	if _, err := NewMetrics(reg, "1.2.3"); err == nil {
		t.Error("NewMetrics() on the same registry = nil, want an error")
	}
}

// TestFamilies finds a metric that is made and not in the list, or the reverse.
func TestFamilies(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	m := newMetrics(t, reg)
	m.ScaleAction("web", "scale-out")
	m.ContainerReady("web", "create", time.Second)
	reg.MustRegister(NewCollector(busySources()))
	gathered, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, f := range gathered {
		if strings.HasPrefix(f.GetName(), "loadbalancer_") {
			got = append(got, strings.ToLower(f.GetType().String())+" "+f.GetName())
		}
	}
	for _, f := range Families() {
		want = append(want, f.Kind+" "+f.Name)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("gathered\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if !slices.IsSortedFunc(Families(), func(a, b Family) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("Families() is not sorted by name")
	}
}

func TestHandler(t *testing.T) {
	reg := prometheus.NewRegistry()
	newMetrics(t, reg)
	reg.MustRegister(NewCollector(busySources()))
	srv := httptest.NewServer(Handler(reg))
	defer srv.Close()
	tests := []struct{ name, accept, kind, end string }{
		{"text", "", "text/plain", "\n"},
		{"OpenMetrics", "application/openmetrics-text;version=1.0.0", "application/openmetrics-text", "# EOF\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL, http.NoBody)
			req.Header.Set("Accept", tt.accept)
			resp, err := srv.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			if got := resp.Header.Get("Content-Type"); !strings.HasPrefix(got, tt.kind) {
				t.Errorf("Content-Type = %q, want %s", got, tt.kind)
			}
			if !strings.HasSuffix(string(body), tt.end) || !strings.Contains(string(body), "loadbalancer_engine_up 1") {
				t.Errorf("body lacks the engine's metric or ends wrong:\n%s", body)
			}
		})
	}
}
