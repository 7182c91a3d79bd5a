package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/ballast-lb/ballast/containers/autoscale"
	"github.com/ballast-lb/ballast/dashboard"
	"github.com/ballast-lb/ballast/internal/config"
	"github.com/ballast-lb/ballast/internal/history"
	"github.com/ballast-lb/ballast/internal/telemetry"
	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/http1/front"
	"github.com/ballast-lb/ballast/proxy/nethttp"
)

// lbPath is where the default pool is reached on the admin listener.
const (
	lbPath      = "/lb"
	defaultPool = telemetry.LBPool
)

// routeAdmin sends what is for the default pool to it, and the rest to the URL table.
func (a *App) routeAdmin(_, path []byte, _ bool) (proxy.Target, front.Whose) {
	if !isLB(path) {
		return proxy.Target{}, front.Anothers
	}
	return proxy.Target{Pool: a.core.Pool(defaultPool), Strip: len(lbPath)}, front.Pools
}

// isLB says whether a path on the admin listener is for the default pool.
func isLB(path []byte) bool {
	rest, ok := bytes.CutPrefix(path, []byte(lbPath))
	return ok && (len(rest) == 0 || rest[0] == '/')
}

// adminPool is the pool that a path of the admin listener leads to, nil if there is none.
func (a *App) adminPool(_, path string) *proxy.Pool {
	t, whose := a.routeAdmin(nil, []byte(path), false)
	if whose != front.Pools {
		return nil
	}
	return t.Pool
}

// routes is the one URL table; f serves the pool.
func (a *App) routes(f *nethttp.Front) http.Handler {
	lb := f.Handler(defaultPool, lbPath)
	r := chi.NewRouter()
	r.Use(middleware.GetHead)
	r.Handle(lbPath, lb)
	r.Handle(lbPath+"/*", lb)
	waits := f.Waits(a.adminPool, http.HandlerFunc(notFound))
	r.Handle(proxy.WaitPath, waits)
	r.Handle(proxy.WaitScriptPath, waits)
	a.pages = dashboard.New(dashboard.Options{
		Document: a.document, Containers: a.containers, Features: a.features, Listeners: a.listeners,
		Container: a.pageContainer, Changes: func(t time.Time) []history.Event { return a.lives.Since(t) },
		History: func(pool string) (history.Series, bool) { return a.pools.Series(pool, time.Time{}) },
		MayAct:  a.auth != nil, LabelPrefix: string(a.config.LabelsPrefix), Logger: a.component("dashboard"),
	})
	a.pages.Register(r)
	a.sessionRoutes(r, a.pages)
	a.pageActRoutes(r)
	r.Get("/metrics", a.serveMetrics)
	r.Get("/prometheus", a.servePrometheus)
	r.Get("/health", a.serveHealth)
	r.Get("/health/live", a.serveHealth)
	r.Get("/health/ready", a.serveReady)
	r.Route("/api/v1", func(r chi.Router) {
		r.Use(middleware.GetHead)
		r.Get("/openapi.yaml", serveOpenAPI)
		r.Get("/pools", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, a.document().Pools) })
		r.Get("/pools/{pool}", a.servePool)
		r.Get("/pools/{pool}/trace", a.serveTrace)
		r.Get("/pools/{pool}/history", a.servePoolHistory)
		r.Get("/containers", func(w http.ResponseWriter, _ *http.Request) {
			writeJSON(w, http.StatusOK, a.containers())
		})
		r.Get("/containers/{id}", a.serveContainer)
		r.Method(http.MethodGet, "/containers/{id}/logs", a.guard(http.HandlerFunc(a.serveLogs)))
		r.Get("/decisions", a.serveDecisions)
		r.Method(http.MethodGet, "/events", a.events)
		a.actionRoutes(r)
	})
	r.NotFound(notFound)
	r.MethodNotAllowed(func(w http.ResponseWriter, req *http.Request) {
		// The router knows only the usual methods; backends may know more.
		if p := req.URL.Path; p == lbPath || strings.HasPrefix(p, lbPath+"/") {
			lb.ServeHTTP(w, req)
			return
		}
		w.Header().Set("Allow", "GET, HEAD")
		nethttp.Problem(w, http.StatusMethodNotAllowed, "method-not-allowed", "this path is read with GET")
	})
	return r
}

// guard lets those pass to a handler that prove who they are.
func (a *App) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, no := a.actor(w, r); no != nil {
			nethttp.Problem(w, no.Status, no.Slug, no.Detail)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func notFound(w http.ResponseWriter, _ *http.Request) {
	nethttp.Problem(w, http.StatusNotFound, "not-found", "there is nothing at this path: the dashboard is at /, the pool default at /lb")
}

// document is everything that Ballast tells of itself.
func (a *App) document() telemetry.Document { return telemetry.NewDocument(a.input(time.Now())) }

// containers are all that the engine has.
func (a *App) containers() []telemetry.ContainerDoc {
	return telemetry.NewContainers(a.input(time.Now()))
}

func (a *App) input(now time.Time) telemetry.Input {
	return telemetry.Input{
		Version: a.version, Instance: a.config.Instance, Started: a.started, Now: now,
		Config: a.reloader.state(), Engine: a.reconciler.Status(), Report: a.core.Report(now), Entries: a.reconciler.Snapshot().Entries,
		Others: a.reconciler.Others(), Prefix: a.config.LabelsPrefix,
		Fleet: a.fleets(), Overrides: a.overrides(), Decisions: a.scaler.Decisions(""),
	}
}

// features are what is in force for the whole of Ballast.
func (a *App) features() []string {
	exit := "clones stay at exit, and the next start adopts them"
	if a.reloader.config().OnExit == config.OnExitRemove {
		exit = "clones are removed at exit"
	}
	return slices.Concat(a.trafficFeatures(), a.requestFeatures(), []string{exit})
}

// listeners are what traffic comes by.
func (a *App) listeners() []string {
	var out []string
	if addr := a.TrafficAddr(); addr != nil {
		out = append(out, "HTTP "+place(addr))
	}
	if addr := a.SecureAddr(); addr != nil {
		out = append(out, "HTTPS "+place(addr))
	}
	return out
}

// trafficFeatures say where traffic comes in.
func (a *App) trafficFeatures() []string {
	var out []string
	if addr := a.TrafficAddr(); addr != nil {
		out = append(out, "HTTP at "+place(addr))
	}
	addr := a.SecureAddr()
	if addr == nil {
		if len(out) == 0 {
			return []string{"no traffic listener: only " + lbPath + " here"}
		}
		return append(out, "no HTTPS")
	}
	c := a.config
	out = append(out, "HTTPS at "+place(addr))
	for _, f := range c.TLS.Certs {
		out = append(out, "certificate "+filepath.Base(f.Cert))
	}
	if len(c.ACME.Domains) > 0 {
		out = append(out, "ACME certificates for "+strings.Join(c.ACME.Domains, ", "))
	}
	if c.ACME.Auto {
		out = append(out, "ACME certificates for the exact hosts of all routes")
	}
	if c.TLS.Redirect {
		out = append(out, "HTTP is redirected to HTTPS")
	}
	return out
}

// requestFeatures say what is done for every request. Of files they tell the name alone: whoever may see the
// dashboard need not know where things lie.
func (a *App) requestFeatures() []string {
	c := a.reloader.config()
	trust := "no proxy is trusted"
	if len(c.TrustedProxies) > 0 {
		var proxies []string
		for _, p := range c.TrustedProxies {
			proxies = append(proxies, p.String())
		}
		trust = "trusted proxies " + strings.Join(proxies, ", ")
	}
	log := "no access log"
	switch to := filepath.Base(c.AccessLog.To); {
	case c.AccessLog.To == "":
	case c.AccessLog.Sample < 1:
		log = fmt.Sprintf("access log to %s: %.4g %% of the requests and every status from 500", to, 100*c.AccessLog.Sample)
	default:
		log = "access log to " + to
	}
	ids := "request IDs are passed on as they come"
	if c.RequestID {
		ids = "every request has an X-Request-Id"
	}
	users := "no users file: nobody may act here"
	if c.UsersFile != "" {
		users = "users in " + filepath.Base(c.UsersFile) + " may act"
	}
	return []string{trust, log, ids, users}
}

// place is an address as it is configured: ":80" where it is all of this machine's.
func place(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		return ":" + port
	}
	return addr.String()
}

func (a *App) serveMetrics(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Vary", "Accept")
	if telemetry.AsksForText(r.Header.Get("Accept")) {
		a.servePrometheus(w, r)
		return
	}
	writeJSON(w, http.StatusOK, a.document())
}

func (a *App) servePrometheus(w http.ResponseWriter, r *http.Request) {
	a.metrics.Keep(a.hasPool)
	telemetry.Handler(a.registry).ServeHTTP(w, r)
}

// healthDoc is the answer of the health endpoints.
type healthDoc struct {
	Status  string  `json:"status"`
	Reason  string  `json:"reason,omitempty"`
	Version string  `json:"version"`
	Uptime  float64 `json:"uptime_seconds"`
}

func (a *App) health(status, reason string) healthDoc {
	return healthDoc{Status: status, Reason: reason, Version: a.version, Uptime: time.Since(a.started).Round(time.Millisecond).Seconds()}
}

func (a *App) serveHealth(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, a.health("ok", ""))
}

// serveReady answers 200 once the containers have been listed. An engine that goes away later does not
// change that: traffic flows on.
func (a *App) serveReady(w http.ResponseWriter, _ *http.Request) {
	select {
	case <-a.reconciler.Synced():
		writeJSON(w, http.StatusOK, a.health("ready", ""))
	default:
		reason := "the engine has not listed its containers yet"
		if failure := a.reconciler.Status().Error; failure != "" {
			reason += ": " + failure
		}
		writeJSON(w, http.StatusServiceUnavailable, a.health("starting", reason))
	}
}

func (a *App) servePool(w http.ResponseWriter, r *http.Request) {
	if p := a.pool(chi.URLParam(r, "pool")); p != nil {
		writeJSON(w, http.StatusOK, p)
		return
	}
	noSuchPool(w)
}

// pool is what is told of a pool, nil if there is none of that name.
func (a *App) pool(name string) *telemetry.PoolDoc {
	for _, p := range a.document().Pools {
		if p.Name == name {
			return &p
		}
	}
	return nil
}

// serveDecisions answers the newest decisions first, those of one pool with ?pool=.
func (a *App) serveDecisions(w http.ResponseWriter, r *http.Request) {
	decisions := a.scaler.Decisions(r.URL.Query().Get("pool"))
	if decisions == nil {
		decisions = []autoscale.Decision{}
	}
	writeJSON(w, http.StatusOK, decisions)
}

func writeJSON(w http.ResponseWriter, status int, v any) { writeAs(w, status, "application/json", v) }

func writeAs(w http.ResponseWriter, status int, kind string, v any) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false) // Reasons hold "->", which people are to read.
	// A client that has gone is no news.
	_ = e.Encode(v)
}
