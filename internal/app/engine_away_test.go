package app

import (
	"context"
	"crypto/rand"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/engine"
	"github.com/ballast-lb/ballast/engine/docker/fakedaemon"
	"github.com/ballast-lb/ballast/internal/config"
	"github.com/ballast-lb/ballast/internal/steady"
	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/balance"
)

// daemon is a fake daemon at a Unix socket, whose containers answer on the loopback.
type daemon struct {
	*fakedaemon.Daemon
	t      *testing.T
	socket string
	// refuse closes the socket, and leaves its file as a daemon that was killed does.
	refuse func()
}

func startDaemon(t *testing.T) *daemon {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("SKIPPED, NOTHING WAS TESTED: only Linux has all of 127.0.0.0/8")
	}
	random := make([]byte, 1) // Others may test at the same time.
	_, _ = rand.Read(random)
	subnet := netip.PrefixFrom(netip.AddrFrom4([4]byte{127, random[0] | 1, 0, 0}), 16)
	d := &daemon{
		Daemon: fakedaemon.New(t, fakedaemon.Options{Subnet: subnet, Listen: true}), t: t,
		socket: filepath.Join(t.TempDir(), "docker.sock"), refuse: func() {},
	}
	t.Cleanup(func() { d.refuse() })
	return d
}

func (d *daemon) host() string { return "--docker.host=unix://" + d.socket }

// away has connections refused, and ends those that there are.
func (d *daemon) away() {
	d.refuse()
	d.Gone()
}

// back ends that.
func (d *daemon) back() {
	d.t.Helper()
	_ = os.Remove(d.socket)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: d.socket, Net: "unix"})
	if err != nil {
		d.t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	d.Heal()
	served := make(chan struct{})
	go func() {
		defer close(served)
		d.Serve(l)
	}()
	d.refuse = func() {
		_ = l.Close()
		<-served
	}
}

// run starts a container that answers its name at /env/NAME.
func (d *daemon) run(name string, labels map[string]string) string {
	d.t.Helper()
	all := map[string]string{"ballast.enable": "true", "ballast.health.path": "/env/NAME", "ballast.health.interval": "1s"}
	for k, v := range labels {
		all["ballast."+k] = v
	}
	id, err := d.Run(fakedaemon.Config{Name: name, Labels: all, Env: map[string]string{"NAME": name}, Port: 28091})
	if err != nil {
		d.t.Fatal(err)
	}
	return id
}

// served is how many requests a backend of a pool got, negative if there is no such backend.
func (r *running) served(pool, name string) int64 {
	for _, p := range r.app.document().Pools {
		for _, b := range p.Backends {
			if p.Name == pool && b.Name == name {
				return int64(b.Requests)
			}
		}
	}
	return -1
}

// says waits until a page holds words, and has a status.
func (r *running) says(path string, status int, words ...string) {
	r.t.Helper()
	r.until(path+" says "+strings.Join(words, " and "), func() bool {
		resp, body := r.get(path)
		return resp.StatusCode == status && !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(body, w) })
	})
}

// While its engine is away, and while that does not answer, all of Ballast goes on with what it knows and says so.
func TestApp_engine_away(t *testing.T) {
	d := startDaemon(t)
	d.back()
	scaled := map[string]string{"pool": "scaled", "host": "scaled.test", "scale.max": "3", "scale.rps": "5"}
	leaves := d.run("web-1", nil)
	stays := d.run("web-2", nil)
	d.run("scaled-1", scaled)
	r := launch(t, config.EngineDocker, d.host(), "--scale.memory-headroom=0")
	r.until("three backends are ready", func() bool { return r.ready() == 3 })
	r.says("/prometheus", http.StatusOK, "loadbalancer_engine_up 1")

	url := "http://" + r.app.TrafficAddr().String() + "/env/NAME"
	load := steady.Start(steady.Options{URL: url, Host: "web.test", PerSecond: 50, Idempotent: true, Holds: "web-"})
	defer load.Stop()
	more := func() {
		t.Helper()
		if err := load.More(t.Context(), 50); err != nil {
			t.Fatal(err)
		}
	}
	more()

	d.away()
	r.says("/prometheus", http.StatusOK, "loadbalancer_engine_up 0")
	r.says("/", http.StatusOK, "The engine has not answered since")
	r.says("/metrics", http.StatusOK, `"connected":false`)
	r.says("/health/ready", http.StatusOK)
	busy := steady.Start(steady.Options{URL: url, Host: "scaled.test", PerSecond: 30, Holds: "scaled-1"})
	defer busy.Stop()
	r.says("/api/v1/decisions?pool=scaled", http.StatusOK, "scaling is frozen")
	d.run("web-3", nil)
	if err := d.Remove(leaves, true); err != nil {
		t.Fatal(err)
	}
	more()
	if r.served("default", "web-1") < 0 || r.served("default", "web-3") >= 0 {
		t.Error("knows who came and went without an engine")
	}

	d.back()
	r.says("/prometheus", http.StatusOK, "loadbalancer_engine_up 1")
	r.until("who left is gone, and who came is asked", func() bool { return r.served("default", "web-1") < 0 && r.served("default", "web-3") > 0 })
	r.until("it scales", func() bool { return r.ready() > 3 })
	more()
	for name, report := range map[string]steady.Report{"web": load.Report(), "scaled": busy.Stop()} {
		if len(report.Failures) > 0 || report.Sent == 0 {
			t.Errorf("%s: of %d requests these failed: %v", name, report.Sent, report.Failures)
		}
	}

	d.Slow(6 * time.Second)
	if err := d.SetHealth(stays, "healthy"); err != nil { // A sync begins.
		t.Fatal(err)
	}
	r.says("/prometheus", http.StatusOK, "loadbalancer_engine_up 0")
	r.says("/metrics", http.StatusOK, "the engine does not answer since")
	r.says("/", http.StatusOK, "the engine does not answer since")
	r.says("/health/ready", http.StatusOK)
	more()
	d.Heal()
	r.says("/prometheus", http.StatusOK, "loadbalancer_engine_up 1")
	if report := load.Stop(); len(report.Failures) > 0 {
		t.Errorf("of %d requests these failed: %v", report.Sent, report.Failures)
	}
}

// An engine that is not there yet, or fails, is waited for.
func TestApp_waits_for_its_engine(t *testing.T) {
	for _, tt := range []struct {
		name    string
		prepare func(*daemon)
	}{
		{"no_socket", func(*daemon) {}},
		{"refused", func(d *daemon) {
			d.back()
			d.away()
		}},
		{"fails", func(d *daemon) {
			d.back()
			d.Fail(fakedaemon.OpInfo, fakedaemon.DiskFull)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := startDaemon(t)
			tt.prepare(d)
			r := launch(t, config.EngineDocker, d.host())
			r.says("/health/ready", http.StatusServiceUnavailable, "has not listed its containers yet: ", "docker engine")
			r.says("/health/live", http.StatusOK)
			r.says("/", http.StatusOK, "The engine has not answered yet")
			r.says("/prometheus", http.StatusOK, "loadbalancer_engine_up 0")
			if n := r.log.count(`"level":"error"`); n != 1 || r.log.count("--docker.host") != 1 {
				t.Errorf("%d errors were logged, want one with its remedy", n)
			}
			d.run("web-1", nil)
			d.refuse()
			d.back()
			r.says("/health/ready", http.StatusOK)
			r.until("the container is ready", func() bool { return r.ready() == 1 })
			r.says("/prometheus", http.StatusOK, "loadbalancer_engine_up 1")
			resp, err := r.client.Get("http://" + r.app.TrafficAddr().String() + "/env/NAME")
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				t.Errorf("a request is answered %s after all, want 200", resp.Status)
			}
		})
	}
}

// Until the engine's events are heard for the first time, who was refused by the last backend waits for the news: it may have left.
func TestApp_does_not_see_before_it_is_told(t *testing.T) {
	c, err := config.Load(config.Sources{Args: []string{"--admin.listen=127.0.0.1:0", "--traffic.listen=off", "--engine=embedded"}})
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(t.Context(), Options{Config: c, Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	a.core.Apply(containers.Build(containers.Input{
		Prefix: containers.DefaultPrefix, Place: containers.Place{Reachable: true},
		Containers: []engine.Container{{
			Summary:  engine.Summary{ID: "1", Name: "web-1", State: engine.StateRunning, Labels: map[string]string{"ballast.enable": "true"}},
			Networks: []engine.Network{{ID: "n", Name: "net", Address: "127.0.0.1"}},
			Ports:    []engine.Port{{Number: 1, Protocol: "tcp"}},
		}},
	}))
	for _, target := range a.core.Targets() {
		a.core.SetHealth(target.Key, true, "")
	}
	x := a.core.Pool(defaultPool).Begin(time.Now())
	if _, err := x.Next(&balance.Request{}); err != nil || !x.Again(time.Now(), proxy.CauseNoAnswer) {
		t.Fatalf("Next() = %v, or it may not be tried again", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second) // With sight it is answered before.
	defer cancel()
	if _, err := x.Hold(ctx, &balance.Request{}); ctx.Err() == nil {
		t.Errorf("Hold() = %v at once, want it to wait", err)
	}
	x.Done(time.Now(), 0, proxy.CauseClientGone)
	ended, end := context.WithCancel(t.Context())
	end()
	if err := a.Run(ended); err != nil {
		t.Errorf("Run() = %v", err)
	}
}

// One that knows no containers must not take over from one that does.
func TestApp_does_not_take_over_without_an_engine(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "handover.sock")
	first := start(t, "--handover.socket="+socket)
	c, err := config.Load(config.Sources{Args: []string{
		"--admin.listen=127.0.0.1:0", "--traffic.listen=127.0.0.1:0", "--handover.socket=" + socket, "--docker.host=unix://" + socket + ".none",
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(t.Context(), Options{Config: c, Logger: zerolog.Nop()}); err == nil || !strings.Contains(err.Error(), "no Docker Engine") {
		t.Errorf("New() = %v, want no Docker Engine", err)
	}
	if resp, _ := first.get("/lb"); resp.StatusCode != http.StatusOK {
		t.Errorf("the first one answers %s, want 200", resp.Status)
	}
}

func TestApp_reminds_of_its_engine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := new(logged)
		a := &App{log: zerolog.New(log), reconciler: containers.NewReconciler(containers.ReconcilerOptions{})}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute+time.Second)
		defer cancel()
		if err := a.await(ctx); err != nil {
			t.Error(err)
		}
		if n := log.count("still waiting for the engine"); n != 10 {
			t.Errorf("%d lines in 10 minutes, want 10", n)
		}
	})
}
