package dashboard

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/internal/history"
	"github.com/ballast-lb/ballast/internal/telemetry"
	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/health"
)

// served is a dashboard on a listener of its own; what it shows can be changed under way.
type served struct {
	*httptest.Server
	pages    *Dashboard
	document atomic.Pointer[telemetry.Document]
	in       atomic.Pointer[telemetry.Input]
}

func (s *served) show(in telemetry.Input) {
	d := telemetry.NewDocument(in)
	s.document.Store(&d)
	s.in.Store(&in)
}

// container is the one of that name or ID, with what has become of it.
func (s *served) container(name string) (telemetry.ContainerDetail, bool) {
	in := *s.in.Load()
	found := telemetry.Match(telemetry.NewContainers(in), name)
	if len(found) != 1 {
		return telemetry.ContainerDetail{}, false
	}
	return telemetry.NewContainerDetail(in, telemetry.Past{
		Checked: func(proxy.BackendReport) (health.Checked, bool) {
			return health.Checked{Time: noon.Add(-4 * time.Second), Took: 3 * time.Millisecond, Reason: "GET /healthz answered 503"}, true
		},
		History: func(string) (all []history.Change) {
			for _, e := range changed() {
				all = append(all, e.Change)
			}
			return all
		},
	}, found[0]), true
}

// changed are changes of each kind, the newest first.
func changed() []history.Event {
	at := func(ago time.Duration, name string, from, to containers.State, reason string) history.Event {
		return history.Event{ID: "c4f2a9c0d11e85e3", Name: name, Pool: "shop", Change: history.Change{Time: noon.Add(-ago), From: from, To: to, Reason: reason}}
	}
	return []history.Event{
		at(4*time.Second, "shop-c", containers.StateReady, containers.StateUnhealthy, "GET /healthz answered 503 three times in a row"),
		at(5*time.Second, "ballast-shop-2", "", containers.StateStarting, "no check has passed yet"),
		at(90*time.Second, "ballast-shop-3", containers.StateDraining, history.StateGone, "the engine has it no more"),
		at(2*time.Minute, "shop-old", "", history.StateUnrouted, "it exposes ports 8080 and 9090"),
	}
}

// lately is a pool that was busier and busier.
func lately() history.Series {
	s := history.Series{Pool: "shop"}
	for i := range history.Span {
		f := float32(i)
		s.Time = append(s.Time, noon.Add(time.Duration(i-history.Span)*time.Second).UnixMilli())
		for column, v := range map[*history.Column]float32{
			&s.Requests: f / 2, &s.Errors: 0, &s.Held: f / 100, &s.P50: 2, &s.P95: 4 + f/100, &s.P99: 9 + f/50,
			&s.InFlight: f / 20, &s.Queued: 0, &s.Capacity: 20 * (1 + f/300), &s.Ready: 1 + f/300, &s.Desired: 2 + f/300, &s.Starting: 0, &s.Warm: 1,
		} {
			*column = append(*column, v)
		}
	}
	return s
}

func serve(t *testing.T, in telemetry.Input) *served {
	t.Helper()
	s := &served{}
	s.show(in)
	r := chi.NewRouter()
	s.pages = New(Options{
		Document:   func() telemetry.Document { return *s.document.Load() },
		Listeners:  func() []string { return []string{"HTTP :80", "HTTPS :443"} },
		Containers: func() []telemetry.ContainerDoc { return telemetry.NewContainers(*s.in.Load()) },
		Container:  s.container, Changes: func(time.Time) []history.Event { return changed() },
		History: func(pool string) (history.Series, bool) { return lately(), pool == "shop" },
		MayAct:  true,
		Features: func() []string {
			return []string{
				"HTTP at :80", "HTTPS at :443", "certificate shop.pem", "ACME certificates for a.shop.example, b.shop.example",
				"HTTP is redirected to HTTPS", "trusted proxies 10.0.0.0/8, 2001:db8::/32",
				"access log to stdout: 1 % of the requests and every status from 500", "every request has an X-Request-Id",
				"clones are removed at exit",
			}
		},
		Logger: zerolog.New(zerolog.NewTestWriter(t)),
	})
	s.pages.Register(r)
	r.Get("/api/v1/pools/shop/history", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(struct {
			history.Series
			Decisions []any `json:"decisions"`
		}{lately(), []any{map[string]any{"time": noon.Add(-2 * time.Minute).UnixMilli(), "action": "scale-out", "from": 4, "to": 5, "reason": "412 req/s"}}})
	})
	s.Server = httptest.NewServer(r)
	t.Cleanup(func() {
		s.pages.Close()
		s.Close()
	})
	return s
}
