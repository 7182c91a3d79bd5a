package containers

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ballast-lb/ballast/engine"
)

var began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// container is a running, enabled one that can be dialled from the host; labels are "key=value"
// without the prefix.
func container(name string, labels ...string) engine.Container {
	all := map[string]string{"ballast.enable": "true"}
	for _, l := range labels {
		key, value, _ := strings.Cut(l, "=")
		all["ballast."+key] = value
	}
	return engine.Container{
		Summary:   engine.Summary{ID: "id-" + name, Name: name, Image: "web", Labels: all, State: engine.StateRunning},
		StartedAt: began, StopSignal: 15, StopTimeout: 10 * time.Second,
		Networks: []engine.Network{{Name: "front", Address: "172.18.0.2"}},
		Ports:    []engine.Port{{Number: 8080, Protocol: "tcp"}},
	}
}

func changed(c engine.Container, change func(*engine.Container)) engine.Container {
	change(&c)
	return c
}

func cloneOf(owner, template string, slot int) []string {
	return []string{"clone=true", "owner=" + owner, "template=" + template, fmt.Sprintf("slot=%d", slot)}
}

func input(all ...engine.Container) Input {
	return Input{Containers: all, Prefix: "ballast", Place: Place{Reachable: true}}
}

// picture is a snapshot in lines a person can read.
func picture(s *Snapshot) []string {
	var lines []string
	for _, p := range s.Pools {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("pool %s template %s", p.Name, p.Template)))
		for _, b := range p.Backends {
			lines = append(lines, strings.TrimRight(fmt.Sprintf("  %s %s weight %d %s %s", b.Name, b.Address, b.Weight, b.State, b.Reason), " "))
		}
		for _, w := range p.Warnings {
			lines = append(lines, "  warning: "+w)
		}
	}
	for _, e := range s.Entries {
		if !e.Routed {
			lines = append(lines, "not routed: "+e.Container.Name+" of "+e.Pool+": "+e.Reason)
		}
		for _, w := range e.Warnings {
			lines = append(lines, "warning: "+e.Container.Name+": "+w)
		}
	}
	return lines
}

func TestBuild(t *testing.T) {
	in := func(state engine.State, code int) func(*engine.Container) {
		return func(c *engine.Container) { c.State, c.ExitCode = state, code }
	}
	healthy := func(h engine.Health, output string) func(*engine.Container) {
		return func(c *engine.Container) { c.Health, c.HealthOutput = h, output }
	}
	disabled := container("other")
	disabled.Labels = map[string]string{"ballast.enable": "yes", "ballast.weight": "x"}

	tests := []struct {
		name string
		in   Input
		want []string
	}{
		{"nothing", input(), nil},
		{"without the label", input(disabled), nil},
		{"pools and backends by name", input(container("b", "pool=web"), container("c"), container("a", "weight=3", "pool=web")), []string{
			"pool default template id-c",
			"  c 172.18.0.2:8080 weight 1 ready",
			"pool web template id-a",
			"  a 172.18.0.2:8080 weight 3 ready",
			"  b 172.18.0.2:8080 weight 1 ready",
			"  warning: no route leads to it: set ballast.host or ballast.path",
		}},
		{"a bad label keeps only its own container out", input(container("a", "weight=1000000"), container("b", "pool=../x", "port=70000"), container("c"), container("d", "health.path=http://evil/")), []string{
			"pool default template id-c",
			"  c 172.18.0.2:8080 weight 1 ready",
			`not routed: a of default: ballast.weight="1000000": must be a whole number from 0 to 256`,
			`not routed: b of : ballast.pool="../x": must be 1 to 63 of a-z, 0-9 and '-', not beginning with '-'; ballast.port="70000": must be a whole number from 1 to 65535`,
			`not routed: d of default: ballast.health.path="http://evil/": must be a plain path such as "/health": no host, query, fragment, space or control character`,
		}},
		{"states of the engine", input(
			changed(container("a"), in(engine.StateExited, 137)),
			changed(container("b"), in(engine.StateCreated, 0)),
			changed(container("c"), in(engine.StatePaused, 0)),
			changed(container("d"), in(engine.StateRestarting, 1)),
			changed(container("e"), in(engine.StateRemoving, 0)),
			changed(container("f"), in(engine.StateDead, 0)),
			changed(container("g"), healthy(engine.HealthStarting, "")),
			changed(container("h"), healthy(engine.HealthUnhealthy, "connection refused\n")),
			changed(container("i"), healthy(engine.HealthUnhealthy, "")),
			changed(container("j"), healthy(engine.HealthHealthy, "ok")),
			container("k", "weight=0"),
		), []string{
			"pool default template id-c",
			"  c 172.18.0.2:8080 weight 1 paused is paused; run: docker unpause c",
			"  g 172.18.0.2:8080 weight 1 starting its HEALTHCHECK has not passed yet",
			"  h 172.18.0.2:8080 weight 1 unhealthy its HEALTHCHECK fails: connection refused",
			"  i 172.18.0.2:8080 weight 1 unhealthy its HEALTHCHECK fails",
			"  j 172.18.0.2:8080 weight 1 ready",
			"  k 172.18.0.2:8080 weight 0 draining weight 0",
			"not routed: a of default: is exited (code 137); run: docker start a",
			"not routed: b of default: was created and not started; run: docker start b",
			"not routed: d of default: is restarting after exit code 1; if it does not stay up, run: docker logs d",
			"not routed: e of default: is removing",
			"not routed: f of default: is dead",
		}},
		{"leaving", func() Input {
			in := input(container("a"), container("b"), container("c"), changed(container("d"), in(engine.StateExited, 0)), changed(container("e"), healthy(engine.HealthUnhealthy, "")))
			in.Leaving = map[string]Leaving{
				"id-a": {StateDraining, "was asked to stop"}, "id-b": {StatePaused, "was paused"}, "id-c": {StateStopped, "has just ended"},
				"id-d": {StateDraining, "was asked to stop"}, "id-e": {StateDraining, "was asked to stop"},
			}
			return in
		}(), []string{
			"pool default template id-a",
			"  a 172.18.0.2:8080 weight 1 draining was asked to stop",
			"  b 172.18.0.2:8080 weight 1 paused was paused",
			"  e 172.18.0.2:8080 weight 1 draining was asked to stop",
			"not routed: c of default: has just ended",
			"not routed: d of default: is exited (code 0); run: docker start d",
		}},
		{"Ballast's own container", func() Input {
			in := input(container("a"), container("b"))
			in.Place.Self = "id-a"
			return in
		}(), []string{
			"pool default template id-b",
			"  b 172.18.0.2:8080 weight 1 ready",
			"not routed: a of default: is the container that Ballast itself runs in",
		}},
		{"a pool stays while its only member is stopped", input(changed(container("a", "policy=random"), in(engine.StateExited, 0))), []string{
			"pool default template id-a",
			"not routed: a of default: is exited (code 0); run: docker start a",
		}},
		{"a container that can't be dialled", input(changed(container("a"), func(c *engine.Container) { c.Ports = nil })), []string{
			"pool default template id-a",
			"not routed: a of default: exposes no TCP port; recreate it with the label ballast.port=<port> of its server",
		}},
		{"warnings and notes", func() Input {
			in := input(container("a", "foo=1"))
			in.Notes = map[string]string{"id-a": "could not be inspected"}
			return in
		}(), []string{
			"pool default template id-a",
			"  a 172.18.0.2:8080 weight 1 ready",
			"warning: a: ballast.foo is not a label of this version",
			"warning: a: could not be inspected",
		}},
		{"a clone of another instance serves, and is no template", input(container("ballast-default-1", cloneOf("elsewhere", "web-a", 1)...), container("web-a")), []string{
			"pool default template id-web-a",
			"  ballast-default-1 172.18.0.2:8080 weight 1 ready",
			"  web-a 172.18.0.2:8080 weight 1 ready",
		}},
		{"a nobody's clone serves, and is no template", input(container("a", "clone=true")), []string{
			"pool default template",
			"  a 172.18.0.2:8080 weight 1 ready",
			"warning: a: ballast.clone=true without a good ballast.owner, ballast.template and ballast.slot: treated as nobody's clone",
		}},
		{"labels of a clone on another name", input(container("a", cloneOf("lb", "web-a", 1)...)), []string{
			"pool default template",
			"  a 172.18.0.2:8080 weight 1 ready",
			"warning: a: has the labels of a clone and not its name: treated as nobody's clone",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, picture(Build(tt.in))); diff != "" {
				t.Errorf("Build() differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBuild_entries_tell_clones(t *testing.T) {
	s := Build(input(container("ballast-web-2", append(cloneOf("lb", "web-a", 2), "pool=web")...), container("web-a", "pool=web")))
	want := []*Clone{{Owner: "lb", Template: "web-a", Slot: 2}, nil}
	if diff := cmp.Diff(want, []*Clone{s.Entries[0].Clone, s.Entries[1].Clone}); diff != "" {
		t.Errorf("entries' clones differ (-want +got):\n%s", diff)
	}
	if b := s.Pools[0].Backends; !b[0].Clone || b[1].Clone {
		t.Errorf("backends' clone marks are %t and %t, want true and false", b[0].Clone, b[1].Clone)
	}
}

// An address that is handed out again must never be taken for the backend that had it before.
func TestBuild_identity(t *testing.T) {
	identity := func(in Input) Identity { return Build(in).Pools[0].Backends[0].Identity }
	a := container("a")
	first := identity(input(a))
	if again := identity(input(a)); again != first {
		t.Errorf("the same container is %v and then %v", first, again)
	}
	tests := []struct {
		name  string
		other Input
	}{
		{"another container with its address", input(container("b"))},
		{"started anew", input(changed(a, func(c *engine.Container) { c.StartedAt = began.Add(time.Millisecond) }))},
		{"another address", input(changed(a, func(c *engine.Container) { c.Networks = []engine.Network{{Name: "front", Address: "172.18.0.3"}} }))},
		{"another network", input(changed(a, func(c *engine.Container) { c.Networks = []engine.Network{{Name: "back", Address: "172.18.0.2"}} }))},
		{"another port", input(changed(a, func(c *engine.Container) { c.Ports = []engine.Port{{Number: 81, Protocol: "tcp"}} }))},
		{"back by a clock ahead", func() Input {
			in := input(a)
			in.Returned = map[string]time.Time{a.ID: began.Add(time.Hour)}
			return in
		}()},
		{"back by a clock behind", func() Input {
			in := input(a)
			in.Returned = map[string]time.Time{a.ID: began.Add(-time.Hour)}
			return in
		}()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if other := identity(tt.other); other == first {
				t.Errorf("is the same backend: %v", other)
			}
		})
	}
}

func TestBuild_ignores_order(t *testing.T) {
	all := many(100)
	want := Build(input(all...))
	seed := rand.Uint64()
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	if !Equal(want, Build(input(all...))) {
		t.Errorf("another order makes another snapshot (seed %d)", seed)
	}
}

func TestEqual(t *testing.T) {
	base := func() Input {
		return input(container("a", "foo=1"), container("b", "pool=web"), container("c", "weight=x"))
	}
	if !Equal(Build(base()), Build(base())) {
		t.Fatal("two snapshots of the same are not equal")
	}
	tests := map[string]func(*Input){
		"a container more": func(in *Input) { in.Containers = append(in.Containers, container("d")) },
		"a container less": func(in *Input) { in.Containers = in.Containers[1:] },
		"state":            func(in *Input) { in.Leaving = map[string]Leaving{"id-a": {StateDraining, "x"}} },
		"setting":          func(in *Input) { in.Pools = PoolConfig{"web": {"retries": "0"}} },
		"pool's warning":   func(in *Input) { in.Pools = PoolConfig{"web": {"sticky.ttl": "1h"}} },
		"note":             func(in *Input) { in.Notes = map[string]string{"id-c": "x"} },
		"health output":    func(in *Input) { in.Containers[0].HealthOutput = "x" },
		"template":         func(in *Input) { in.Containers[0].Labels = relabelled(in.Containers[0], "scale.template", "true") },
		"reason":           func(in *Input) { in.Containers[2].Labels = relabelled(in.Containers[2], "weight", "y") },
		"warning":          func(in *Input) { in.Containers[0].Labels = relabelled(in.Containers[0], "bar", "1") },
		"network not dialled": func(in *Input) {
			in.Containers[0].Networks = append(in.Containers[0].Networks, engine.Network{Name: "x"})
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			in := base()
			change(&in)
			if Equal(Build(base()), Build(in)) {
				t.Error("is no difference to Equal()")
			}
		})
	}
}

func relabelled(c engine.Container, name, value string) map[string]string {
	labels := maps.Clone(c.Labels)
	labels["ballast."+name] = value
	return labels
}

// many are containers as compose makes them, in 10 pools.
func many(n int) []engine.Container {
	all := make([]engine.Container, n)
	for i := range all {
		all[i] = container(fmt.Sprintf("web-%04d", i), fmt.Sprintf("pool=pool-%d", i%10), fmt.Sprintf("weight=%d", 1+i%5),
			"health.path=/health", "health.interval=5s", "policy=weighted", "scale.max=500", "concurrency=10", "sticky=true")
		all[i].Networks[0].Address = fmt.Sprintf("172.18.%d.%d", i/250, 1+i%250)
		for k := range 10 {
			all[i].Labels[fmt.Sprintf("com.docker.compose.label-%d", k)] = "value"
		}
	}
	return all
}

func BenchmarkBuild(b *testing.B) {
	in := input(many(1000)...)
	b.ReportAllocs()
	for b.Loop() {
		Build(in)
	}
}

func BenchmarkEqual(b *testing.B) {
	all := many(1000)
	x, same := Build(input(all...)), Build(input(all...))
	fresh := Build(input(many(1000)...))
	for _, tt := range []struct {
		name  string
		other *Snapshot
	}{{"same containers", same}, {"inspected anew", fresh}} {
		b.Run(tt.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !Equal(x, tt.other) {
					b.Fatal("not equal")
				}
			}
		})
	}
}
