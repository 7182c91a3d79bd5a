package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/containers/autoscale"
	"github.com/ballast-lb/ballast/dashboard"
	"github.com/ballast-lb/ballast/engine"
	"github.com/ballast-lb/ballast/internal/accesslog"
	"github.com/ballast-lb/ballast/internal/auth"
	"github.com/ballast-lb/ballast/internal/config"
	"github.com/ballast-lb/ballast/internal/events"
	"github.com/ballast-lb/ballast/internal/handover"
	"github.com/ballast-lb/ballast/internal/history"
	"github.com/ballast-lb/ballast/internal/telemetry"
	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/forward"
	"github.com/ballast-lb/ballast/proxy/health"
	"github.com/ballast-lb/ballast/proxy/nethttp"
)

// Options are what an App is made of.
type Options struct {
	Config  config.Config
	Version string
	Logger  zerolog.Logger
	// Load reads the configuration again, from where Config is; nil if that is never done. Reload asks for it, as a
	// change of its file does.
	Load   func() (config.Config, error)
	Reload <-chan os.Signal
}

// App is a whole Ballast.
type App struct {
	config  config.Config
	version string
	log     zerolog.Logger
	started time.Time

	reload     <-chan os.Signal
	pages      *dashboard.Dashboard
	reloader   *reloader
	engine     engine.Engine
	core       *proxy.Core
	admin      *plane
	traffic    traffic
	access     *accesslog.Log // nil if it is off.
	trust      *forward.Trust
	prober     *health.Prober[containers.Identity]
	reconciler *containers.Reconciler
	fleet      *containers.Fleet
	shares     *shares
	scaler     *autoscale.Scaler
	actions    *Actions
	users      *auth.Users // nil if nobody may act, and so is auth.
	auth       *auth.Auth
	usage      *containers.Usage
	recorder   *autoscale.Recorder
	pools      *history.Pools
	lives      *history.States
	events     *events.Hub
	registry   *prometheus.Registry
	metrics    *telemetry.Metrics
	listener   net.Listener
	// taken is what another Ballast hands over, giver waits for one that this hands offers over to; nil if there is none.
	taken  *handover.Taken
	giver  *handover.Giver
	offers []handover.Offer
	// contained says that this process runs in a container.
	contained bool
}

// New opens the engine and the listeners, so that whatever stands in the way of a start is an error
// here, with its remedy; but for an engine that does not answer yet, which Run waits for. Run must follow; it closes them.
func New(ctx context.Context, o Options) (*App, error) {
	a := &App{
		config: o.Config, version: o.Version, log: o.Logger, reload: o.Reload,
		started: time.Now(), registry: prometheus.NewRegistry(),
	}
	var err error
	if a.metrics, err = telemetry.NewMetrics(a.registry, o.Version); err != nil {
		return nil, err
	}
	if err := a.open(ctx); err != nil {
		return nil, errors.Join(err, a.close())
	}
	e, self, err := openEngine(o.Config)
	if err != nil {
		return nil, errors.Join(err, a.close())
	}
	if err := a.greet(ctx, e); err != nil {
		return nil, errors.Join(err, a.close(), e.Close())
	}
	if w := forgetful(o.Config.Instance, self); w != "" {
		a.log.Warn().Str("warning", w).Msg("configuration")
	}
	a.engine, a.contained = telemetry.Engine(e, a.metrics), self != ""
	a.reloader = newReloader(o.Config, o.Load, a.reconfigure, a.component("config"))
	a.connect(self)
	if err := a.registry.Register(telemetry.NewCollector(telemetry.Sources{
		Report: func() proxy.Report { return a.core.Report(time.Now()) },
		Engine: a.reconciler.Status,
		Fleet:  a.fleets,
		Config: a.reloader.state,
	})); err != nil {
		return nil, errors.Join(err, a.drain(0), a.close(), a.engine.Close())
	}
	return a, nil
}

// open opens what requests come by and are noted in.
func (a *App) open(ctx context.Context) error {
	err := a.takeOver(ctx)
	if err != nil {
		return err
	}
	l, err := a.listen(ctx, "admin.listen", a.config.AdminListen)
	if err != nil {
		return fmt.Errorf("admin.listen: %w: %s with --admin.listen", err, listenRemedy(err))
	}
	a.listener = l
	if err := a.listenTraffic(ctx); err != nil {
		return err
	}
	if a.taken == nil {
		if err := a.offer(ctx); err != nil {
			return err
		}
	}
	if path := a.config.UsersFile; path != "" {
		if a.users, err = auth.OpenUsers(path, a.component("auth")); err != nil {
			return fmt.Errorf("admin.auth.users-file: %w", err)
		}
	}
	log := a.component("access-log")
	a.access, err = accesslog.Open(a.config.AccessLog, func(lines int, err error) {
		log.Warn().Err(err).Int("lines", lines).Msg("access log can't be written, or not fast enough: lines are lost")
	})
	return err
}

// close closes what New opened, but for the engine.
func (a *App) close() error {
	var err error
	for _, o := range a.offers {
		err = errors.Join(err, o.Listener.Close())
	}
	if a.taken != nil {
		err = errors.Join(err, a.taken.Close())
	}
	if a.giver != nil {
		err = errors.Join(err, a.giver.Close())
	}
	if a.access != nil {
		err = errors.Join(err, a.access.Close())
	}
	return err
}

// planes are those that there are.
func (a *App) planes() []*plane {
	if a.traffic.plane == nil {
		return []*plane{a.admin}
	}
	return []*plane{a.admin, a.traffic.plane}
}

// forgetful warns of an instance that is this container's ID, as host names are unless they are set:
// the container that replaces this one would not know its clones.
func forgetful(instance, self string) string {
	if len(instance) < 12 || !strings.HasPrefix(self, instance) {
		return ""
	}
	return "instance is this container's ID, so a new container of Ballast would not know the clones of this one: set BALLAST_INSTANCE"
}

// listenRemedy is what to do about an address that can't be listened on.
func listenRemedy(err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "stop what uses that address or choose another"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		all := ""
		if op := new(net.OpError); errors.As(err, &op) && op.Addr != nil {
			if _, port, err := net.SplitHostPort(op.Addr.String()); err == nil {
				all = " (:" + port + ")"
			}
		}
		return "choose an address that this machine has, or all of them" + all + ","
	case errors.Is(err, syscall.EACCES):
		return "run as a user who may use that port or choose one from 1024 up"
	}
	return "choose another address"
}

// connect makes the components and what they tell each other.
func (a *App) connect(self string) {
	c := a.config
	a.events = events.New()
	a.lives = history.NewStates(func(e history.Event) { a.events.Publish("backend", e) })
	a.core = proxy.New(proxy.Options{
		Logger: a.component("proxy"), OnReady: a.ready, OnHold: func(string) { a.scaler.Nudge() },
		OnProven: func(_ string, b containers.Backend) { a.fleet.Proven(b.Container) },
		OnForget: a.manage,
		OnState: func(s proxy.StateChange) {
			a.lives.Note(time.Now(), history.Step{ID: s.Backend.Container, Name: s.Backend.Name, Pool: s.Pool, To: s.To, Reason: s.Reason})
		},
	})
	a.core.SetSight(false) // Until it is told otherwise.
	edge := a.edge()
	a.actions = newActions(a)
	if a.users != nil {
		a.auth = auth.New(auth.Options{Users: a.users, Client: a.client, Secure: a.byTLS})
	}
	a.admin = newPlane(a.core, planeOptions{
		Name: "admin", Logger: a.component("admin"), Addr: a.listener.Addr(), Edge: adminEdge(edge),
		Route: a.routeAdmin, Handler: a.routes,
	})
	if l := cmp.Or(a.traffic.plain, a.traffic.secure); l != nil {
		a.traffic.plane = newPlane(a.core, planeOptions{
			Name: "traffic", Logger: a.component("traffic"), Addr: l.Addr(), Edge: edge,
			Route: a.routeTraffic, Handler: a.trafficHandler,
		})
	}
	a.prober = health.New(nethttp.NewChecker(), func(r health.Result[containers.Identity]) {
		a.core.SetHealth(r.Key, r.Healthy, r.Reason)
	}, a.component("health"))
	a.prober.OnPass(a.core.Passed)
	a.fleet = containers.NewFleet(containers.FleetOptions{
		Engine: a.engine, Traffic: a.core, Instance: c.Instance, Prefix: c.LabelsPrefix,
		MaxContainers: c.MaxContainers, Memory: a.memory(), Headroom: c.MemoryHeadroom,
		Logger: a.component("fleet"), Acted: a.metrics.ScaleAction, Health: a.states,
	})
	a.shares = &shares{fleet: a.fleet}
	if a.taken != nil {
		a.shares.begin()
	}
	a.reconciler = containers.NewReconciler(containers.ReconcilerOptions{
		Engine: a.engine, Instance: c.Instance, Prefix: c.LabelsPrefix, Pools: c.Pools, Self: self,
		Logger: a.component("containers"), Publish: a.apply, Sight: a.sight,
	})
	a.usage = containers.NewUsage(containers.UsageOptions{Engine: a.engine, Logger: a.component("usage")})
	a.recorder = autoscale.NewRecorder(a.counters)
	a.pools = history.NewPools(a.poolReadings)
	a.scaler = autoscale.New(autoscale.Options{
		Source:   &readings{core: a.core, fleet: a.fleet, usage: a.usage, reconciler: a.reconciler, instance: c.Instance, aside: a.actions.aside},
		Actuator: a.fleet, Logger: a.component("autoscale"),
		OnDecision: func(d autoscale.Decision) { a.events.Publish("decision", d) },
		OnOutlook:  func(pool string, o autoscale.Outlook) { a.core.SetOutlook(pool, proxy.Outlook(o)) },
	})
}

// edge is what is done for every request.
func (a *App) edge() proxy.Edge {
	a.trust = forward.NewTrust(a.config.TrustedProxies)
	e := proxy.Edge{Trust: a.trust, Loop: forward.NewLoop(a.config.Instance)}
	if a.config.RequestID {
		e.IDs = forward.NewIDs()
	}
	if a.access != nil {
		e.Log = a.access
	}
	return e
}

// adminEdge is the edge of a plane of which only what is for the default pool is traffic.
func adminEdge(e proxy.Edge) proxy.Edge {
	e.Covers = isLB
	return e
}

func (a *App) component(name string) zerolog.Logger {
	return a.log.With().Str("component", name).Logger()
}

// apply hands a new snapshot on. The fleet comes first, so that no replica is counted by the data path
// that the fleet does not know.
func (a *App) apply(s *containers.Snapshot) {
	a.fleet.Apply(s)
	a.usage.Apply(s)
	a.core.Apply(s)
	a.metrics.Keep(a.hasPool)
	a.actions.forget(s)
	a.manage()
	a.lives.Apply(time.Now(), s)
	a.prober.Set(a.core.Targets())
}

// hasPool says that the data path has a pool, or remembers it.
func (a *App) hasPool(name string) bool { return a.core.Pool(name) != nil }

// sight tells whether what happens is heard of at once.
func (a *App) sight(sighted bool) {
	a.core.SetSight(sighted)
	a.events.Publish("engine", telemetry.NewEngineDoc(a.reconciler.Status()))
}

// ready tells the others that a backend serves for the first time, or again after a pause.
func (a *App) ready(pool string, b containers.Backend) {
	if how, began, ok := a.fleet.Brought(b.Container); ok {
		a.metrics.ContainerReady(pool, how, time.Since(began))
	}
	a.fleet.Ready(b.Container)
}

// Addr is the address of the admin listener.
func (a *App) Addr() net.Addr { return a.listener.Addr() }

// TrafficAddr is the address of the traffic listener for HTTP, SecureAddr of the one for HTTPS; nil if they are off.
func (a *App) TrafficAddr() net.Addr { return addrOf(a.traffic.plain) }

// SecureAddr is the address of the traffic listener for HTTPS; nil if it is off.
func (a *App) SecureAddr() net.Addr { return addrOf(a.traffic.secure) }

func addrOf(l net.Listener) net.Addr {
	if l == nil {
		return nil
	}
	return l.Addr()
}

// Run serves until ctx ends or a component fails, finishes what is in flight, and returns nil if
// all went well.
func (a *App) Run(ctx context.Context) error {
	for _, w := range a.config.Warnings {
		a.log.Warn().Str("warning", w).Msg("configuration")
	}
	// What serves must outlive ctx: requests in flight need it to the end.
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	group, running := errgroup.WithContext(background)
	for _, run := range a.components() {
		group.Go(func() error { return unlessDone(running, run(running)) })
	}
	for _, p := range a.planes() {
		group.Go(func() error { return p.serveHanded(0) })
		group.Go(func() error { return p.serveHanded(1) })
	}
	reign := newReign(running, a.taken != nil)
	group.Go(func() error {
		defer close(reign.over)
		a.serve(reign.deciding, group)
		if err := a.assume(reign); err != nil {
			return err
		}
		group.Go(func() error { a.outlast(reign); return nil })
		group.Go(func() error { a.give(reign); return nil })
		return a.decide(reign)
	})
	handed := false
	group.Go(func() error {
		defer stop()
		defer close(reign.done)
		select {
		case <-ctx.Done():
		case <-running.Done():
		case <-reign.ends:
			handed = true
			defer a.part(ctx, reign)
			return a.retire()
		}
		return a.abdicate(reign)
	})
	a.announce()
	err := errors.Join(group.Wait(), a.engine.Close())
	if a.access != nil {
		if lost := a.access.Close(); lost != nil {
			a.log.Warn().Err(lost).Msg("access log was not closed in good order")
		}
	}
	if handed && a.contained && err == nil { // To end would have a restart policy start it again.
		a.log.Info().Msg("another Ballast has taken over: this container can be removed")
		<-ctx.Done()
	}
	return err
}

// serve has the listeners served once it is known which backends serve: who comes earlier waits. Only the admin listener does
// not wait, if it is not another's still, for whoever asks whether this is alive.
func (a *App) serve(ctx context.Context, group *errgroup.Group) {
	admin := func() error { return a.admin.serve(a.listener) }
	if a.taken == nil {
		group.Go(admin)
	}
	a.settle(ctx)
	if a.taken != nil {
		group.Go(admin)
	}
	for _, l := range []net.Listener{a.traffic.plain, a.traffic.secure} {
		if l != nil {
			group.Go(func() error { return a.traffic.serve(l) })
		}
	}
}

// decide runs what starts and stops containers, until this Ballast is not the one to do so.
func (a *App) decide(r *reign) error {
	group, _ := errgroup.WithContext(r.acting)
	group.Go(func() error { return unlessDone(r.acting, a.fleet.Run(r.acting)) })
	group.Go(func() error { return unlessDone(r.deciding, a.scaler.Run(r.deciding)) })
	return group.Wait()
}

// components are those that run until they are told to end, and serve nobody.
func (a *App) components() []func(context.Context) error {
	all := []func(context.Context) error{
		a.reconciler.Run, a.core.Run, a.prober.Run, a.usage.Run, a.recorder.Run, a.pools.Run, a.await,
		func(ctx context.Context) error { return a.reloader.Run(ctx, a.reload) },
	}
	if a.users != nil {
		all = append(all, a.users.Run)
	}
	if a.traffic.files != nil {
		all = append(all, a.traffic.files.Run)
	}
	if a.traffic.acme != nil {
		all = append(all, a.traffic.acme.Run)
	}
	return all
}

// unlessDone drops the error of a component that ended because it was asked to.
func unlessDone(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return nil
}

func (a *App) announce() {
	e := a.log.Info().Str("version", a.version).Str("instance", a.config.Instance).Str("engine", a.config.Engine).
		Stringer("admin", a.listener.Addr())
	if addr := a.TrafficAddr(); addr != nil {
		e = e.Stringer("traffic", addr)
	}
	if addr := a.SecureAddr(); addr != nil {
		e = e.Stringer("tls", addr)
	}
	e.Msg("serving")
}
