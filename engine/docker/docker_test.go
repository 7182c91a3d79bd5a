//go:build docker

package docker

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/go-connections/nat"

	"github.com/ballast-lb/ballast/engine"
	"github.com/ballast-lb/ballast/engine/enginetest"
)

func TestConformance(t *testing.T) {
	b := newBench(t)
	enginetest.Run(t, func(t *testing.T) enginetest.Harness {
		return enginetest.Harness{
			Engine: b.Engine,
			Run: func(t *testing.T, f enginetest.Fixture) string {
				config := container.Config{Labels: f.Labels}
				for key, value := range f.Env {
					config.Env = append(config.Env, key+"="+value)
				}
				if f.IgnoreStop {
					config.Cmd = []string{"-ignore-stop"}
				}
				id := b.create(t, f.Name, config, container.HostConfig{})
				if err := b.Start(t.Context(), id); err != nil {
					t.Fatal(err)
				}
				return id
			},
		}
	})
}

func TestEngine_Create_copies(t *testing.T) {
	b := newBench(t)
	first, second := b.network(t), b.network(t)
	pids := int64(100)
	stop := 7
	config := container.Config{
		Hostname:     "original",
		User:         "1000:1000",
		Env:          []string{"A=1"},
		WorkingDir:   "/tmp",
		StopSignal:   "SIGINT",
		StopTimeout:  &stop,
		ExposedPorts: nat.PortSet{"9090/tcp": {}},
		Labels:       map[string]string{"com.docker.compose.project": "x"},
		Healthcheck:  &container.HealthConfig{Test: []string{"CMD", "/fixture", "-check"}, Interval: time.Hour},
	}
	host := container.HostConfig{
		NetworkMode:    container.NetworkMode(second),
		PortBindings:   nat.PortMap{"8080/tcp": {{HostIP: "127.0.0.1"}}},
		RestartPolicy:  container.RestartPolicy{Name: "always"},
		CapDrop:        []string{"ALL"},
		SecurityOpt:    []string{"no-new-privileges"},
		ReadonlyRootfs: true,
		Tmpfs:          map[string]string{"/tmp": "size=1m"},
		ExtraHosts:     []string{"db:10.0.0.1"},
		DNS:            []string{"10.0.0.2"},
		LogConfig:      container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": "1m"}},
		Sysctls:        map[string]string{"net.core.somaxconn": "512"},
		Resources: container.Resources{
			Memory: 64 << 20, NanoCPUs: 5e8, PidsLimit: &pids,
			Ulimits: []*container.Ulimit{{Name: "nofile", Soft: 1000, Hard: 2000}},
		},
		Mounts: []mount.Mount{{Type: mount.TypeTmpfs, Target: "/scratch"}},
	}
	original := b.create(t, unique("original"), config, host)
	if err := b.conn.Load().NetworkConnect(t.Context(), first, original, &network.EndpointSettings{Aliases: []string{"web"}}); err != nil {
		t.Fatal(err)
	}
	if err := b.Start(t.Context(), original); err != nil {
		t.Fatal(err)
	}
	id := b.clone(t, engine.Spec{Name: unique("clone"), Template: original, Labels: map[string]string{"l": "v"}})
	if err := b.Start(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	from, to := b.raw(t, original), b.raw(t, id)

	for _, field := range []string{
		"User", "Env", "WorkingDir", "StopSignal", "StopTimeout", "ExposedPorts", "Healthcheck", "Image", "Cmd", "Entrypoint",
	} {
		same(t, field, reflect.ValueOf(*from.Config), reflect.ValueOf(*to.Config))
	}
	for _, field := range []string{
		"CapDrop", "SecurityOpt", "ReadonlyRootfs", "Tmpfs", "ExtraHosts", "DNS", "LogConfig", "Sysctls", "Resources", "Mounts", "NetworkMode",
	} {
		same(t, field, reflect.ValueOf(*from.HostConfig), reflect.ValueOf(*to.HostConfig))
	}
	if to.Config.Hostname == "original" || !reflect.DeepEqual(to.Config.Labels, map[string]string{"l": "v"}) {
		t.Errorf("clone has host name %q, labels %v", to.Config.Hostname, to.Config.Labels)
	}
	if len(to.HostConfig.PortBindings) > 0 || !to.HostConfig.RestartPolicy.IsNone() {
		t.Errorf("clone has published ports %v, restart policy %v", to.HostConfig.PortBindings, to.HostConfig.RestartPolicy)
	}
	for _, name := range []string{first, second} {
		endpoint := to.NetworkSettings.Networks[name]
		if endpoint == nil || endpoint.IPAddress == "" {
			t.Fatalf("clone has no address in network %s", name)
		}
		if slices.Contains(endpoint.Aliases, "web") {
			t.Errorf("clone answers to the original's alias: %v", endpoint.Aliases)
		}
	}
	if c, err := b.Inspect(t.Context(), original); err != nil || c.StopSignal != 2 || c.StopTimeout != 7*time.Second ||
		!slices.ContainsFunc(c.Ports, func(p engine.Port) bool { return p.Number == 8080 && p.HostPort > 0 && p.HostIP == "127.0.0.1" }) {
		t.Errorf("Inspect(original) = %+v, %v, want stop signal 2, 7s, port 8080 published", c, err)
	}
}

func same(t *testing.T, field string, from, to reflect.Value) {
	t.Helper()
	want, got := from.FieldByName(field).Interface(), to.FieldByName(field).Interface()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("clone's %s = %+v, want %+v", field, got, want)
	}
}

func TestEngine_Create_images(t *testing.T) {
	b := newBench(t)
	original := b.create(t, unique("original"), container.Config{Env: []string{"MINE=1"}}, container.HostConfig{})
	wasID := b.raw(t, original).Image

	other := unique("image")
	b.build(t, other, "ENV VERSION=2\nCMD [\"two\"]\n")
	id := b.clone(t, engine.Spec{Name: unique("clone"), Template: original, Image: other})
	if err := b.Start(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if env, args := b.get(t, id, "/env/VERSION")+b.get(t, id, "/env/MINE"), b.get(t, id, "/args"); env != "21" || args != "two" {
		t.Errorf("a clone of another image has VERSION and MINE %q, arguments %q, want 21 and two", env, args)
	}

	// The tag moves on; a clone is still made from what the template runs.
	if err := b.conn.Load().ImageTag(t.Context(), other, b.image); err != nil {
		t.Fatal(err)
	}
	id = b.clone(t, engine.Spec{Name: unique("clone"), Template: original})
	if got := b.raw(t, id).Image; got != wasID {
		t.Errorf("clone after the tag moved has image %s, want %s", got, wasID)
	}
	// And when it is gone.
	if _, err := b.conn.Load().ImageRemove(t.Context(), b.image, image.RemoveOptions{}); err != nil {
		t.Fatal(err)
	}
	id = b.clone(t, engine.Spec{Name: unique("clone"), Template: original})
	if got := b.raw(t, id).Image; got != wasID {
		t.Errorf("clone after the tag went has image %s, want %s", got, wasID)
	}
}

func TestEngine_Inspect_grants(t *testing.T) {
	b := newBench(t)
	tests := []struct {
		name   string
		config container.Config
		host   container.HostConfig
		want   engine.Grants
	}{
		{name: "none", config: container.Config{Volumes: map[string]struct{}{"/anonymous": {}}}},
		{name: "privileged", host: container.HostConfig{Privileged: true}, want: engine.Grants{Privileged: true}},
		{name: "host network", host: container.HostConfig{NetworkMode: "host"}, want: engine.Grants{NetworkMode: "host"}},
		{name: "namespaces", host: container.HostConfig{PidMode: "host", UTSMode: "host"}, want: engine.Grants{Namespaces: []string{"pid=host", "uts=host"}}},
		{name: "mounts", host: container.HostConfig{Binds: []string{"/etc:/host:ro"}}, want: engine.Grants{Mounts: []string{"/etc:/host"}}},
		{name: "capability", host: container.HostConfig{CapAdd: []string{"NET_ADMIN"}}, want: engine.Grants{Capabilities: []string{"CAP_NET_ADMIN"}}},
		{name: "security", host: container.HostConfig{SecurityOpt: []string{"seccomp=unconfined", "no-new-privileges"}}, want: engine.Grants{Security: []string{"seccomp=unconfined"}}},
		{
			name: "device",
			host: container.HostConfig{Resources: container.Resources{Devices: []container.DeviceMapping{{PathOnHost: "/dev/null", PathInContainer: "/dev/x", CgroupPermissions: "r"}}}},
			want: engine.Grants{Devices: []string{"/dev/null:/dev/x"}},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, err := b.Inspect(t.Context(), b.create(t, unique("grants"), test.config, test.host))
			if err != nil {
				t.Fatal(err)
			}
			// Docker adds this one by itself to those that see the host's processes.
			c.Grants.Security = slices.DeleteFunc(c.Grants.Security, func(o string) bool { return o == "label=disable" })
			if len(c.Grants.Security) == 0 {
				c.Grants.Security = nil
			}
			if !reflect.DeepEqual(c.Grants, test.want) {
				t.Errorf("Grants = %+v, want %+v", c.Grants, test.want)
			}
			if c.HostNetwork != (test.name == "host network") {
				t.Errorf("HostNetwork = %v", c.HostNetwork)
			}
		})
	}
}

func TestEngine_Watch_network_and_health(t *testing.T) {
	b := newBench(t)
	added := b.network(t)
	info, err := b.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	id := b.create(t, unique("healthy"), container.Config{
		Healthcheck: &container.HealthConfig{Test: []string{"CMD", "/fixture", "-check"}, Interval: 100 * time.Millisecond},
	}, container.HostConfig{})
	if err := b.Start(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if err := b.conn.Load().NetworkConnect(t.Context(), added, id, nil); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var networks int
	var healthy bool
	for event, err := range b.Watch(ctx, info.Time) {
		if err != nil {
			t.Fatalf("saw %d network events, healthy: %v; %v", networks, healthy, err)
		}
		if event.ID != id {
			continue
		}
		switch event.Action {
		case engine.ActionNetwork:
			networks++
		case engine.ActionHealth:
			healthy = event.Health == engine.HealthHealthy
		}
		// One for the network it starts with, one for the other.
		if networks == 2 && healthy {
			break
		}
	}
	c, err := b.Inspect(t.Context(), id)
	if err != nil || c.Health != engine.HealthHealthy || c.HealthOutput != "all is well" {
		t.Errorf("Inspect() Health = %q, HealthOutput = %q, %v", c.Health, c.HealthOutput, err)
	}
	if len(c.Networks) != 2 || c.Networks[1].Address == "" {
		t.Errorf("Inspect() Networks = %+v, want two with addresses", c.Networks)
	}
}

func TestSelfID_in_a_container(t *testing.T) {
	b := newBench(t)
	id := b.create(t, unique("self"), container.Config{Hostname: "renamed"}, container.HostConfig{})
	if err := b.Start(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	mountinfo := b.get(t, id, "/mountinfo")
	if got := selfID(strings.NewReader(mountinfo)); got != id {
		t.Errorf("selfID() = %q, want %q, from\n%s", got, id, mountinfo)
	}
}

func TestEngine_Stats_real(t *testing.T) {
	b := newBench(t)
	id := b.create(t, unique("stats"), container.Config{}, container.HostConfig{
		Resources: container.Resources{Memory: 32 << 20, NanoCPUs: 5e8},
	})
	if err := b.Start(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	b.get(t, id, "/args")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for s, err := range b.Stats(ctx, id) {
		if err != nil {
			t.Fatal(err)
		}
		if s.Cores != 0.5 || s.MemoryLimit != 32<<20 || s.Memory == 0 || s.Memory > 32<<20 || s.CPU <= 0 {
			t.Errorf("sample = %+v, want half a core, memory of 32 MiB, some processor time", s)
		}
		break
	}
}

// A terminal's output comes without frames.
func TestEngine_Logs_of_a_terminal(t *testing.T) {
	b := newBench(t)
	id := b.create(t, unique("tty"), container.Config{Tty: true}, container.HostConfig{})
	if err := b.Start(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	b.get(t, id, "/say/stdout/one")
	b.get(t, id, "/say/stderr/two")
	deadline := time.Now().Add(patience)
	for {
		var texts []string
		for l, err := range b.Logs(t.Context(), id, 10) {
			if err != nil {
				t.Fatal(err)
			}
			if l.Time.IsZero() || l.Stderr {
				t.Errorf("line %+v, want a time, and all to be stdout", l)
			}
			texts = append(texts, l.Text)
		}
		if slices.Equal(texts, []string{"one", "two"}) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("Logs() = %q, want one, two", texts)
		}
	}
}
