package docker

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/go-connections/nat"
	"github.com/google/go-cmp/cmp"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ballast-lb/ballast/engine"
)

// builder is a daemon that notes what it is asked to create.
type builder struct {
	template string
	image    http.HandlerFunc // answers to asking for the template's reference
	connect  http.HandlerFunc

	mu        sync.Mutex
	created   container.CreateRequest
	name      string
	connected []string
	removed   int
}

func (b *builder) engine(t *testing.T) *Engine {
	if b.connect == nil {
		b.connect = answer("")
	}
	return newFake(t, map[string]http.HandlerFunc{
		"GET /containers/web-a/json": answer(b.template),
		"GET /images/web:1/json":     b.image,
		"POST /containers/create": func(w http.ResponseWriter, r *http.Request) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.name = r.URL.Query().Get("name")
			if err := json.NewDecoder(r.Body).Decode(&b.created); err != nil {
				refuse(w, http.StatusBadRequest, err.Error())
				return
			}
			w.WriteHeader(http.StatusCreated)
			_, _ = w.Write([]byte(`{"Id":"new"}`))
		},
		"POST /networks/{name}/connect": func(w http.ResponseWriter, r *http.Request) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.connected = append(b.connected, r.PathValue("name"))
			b.connect(w, r)
		},
		"DELETE /containers/new": func(w http.ResponseWriter, _ *http.Request) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.removed++
			w.WriteHeader(http.StatusNoContent)
		},
	})
}

// template is a container with networks, in JSON.
func template(mode, networks string) string {
	return `{"Id":"1","Name":"/web-a","Image":"sha256:aa","State":{},"HostConfig":{"NetworkMode":"` + mode + `"},
		"Config":{"Image":"web:1","Hostname":"h"},"NetworkSettings":{"Networks":{` + networks + `}}}`
}

func TestCreate_networks(t *testing.T) {
	const (
		app    = `"app":{"NetworkID":"a1","Aliases":["web"],"IPAMConfig":{"IPv4Address":"10.0.0.1"},"MacAddress":"02:42:ac:11:00:02","DriverOpts":{"k":"v"}}`
		bridge = `"bridge":{"NetworkID":"b1"}`
		web    = `"web":{"NetworkID":"w1"}`
	)
	tests := []struct {
		name, mode, networks string
		wantMode, wantFirst  string
		wantOthers           []string
	}{
		{"the default", "default", bridge, "bridge", "bridge", nil},
		{"one", "app", app, "app", "app", nil},
		{"by its ID", "w1", app + "," + web, "web", "web", []string{"app"}},
		{"several", "web", app + "," + bridge + "," + web, "web", "web", []string{"app", "bridge"}},
		{"not the one it was created with", "gone", app + "," + web, "app", "app", []string{"web"}},
		{"none", "none", `"none":{"NetworkID":"n1"}`, "none", "", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := &builder{template: template(test.mode, test.networks), image: answer(`{"Id":"sha256:aa"}`)}
			id, err := b.engine(t).Create(t.Context(), engine.Spec{Name: "clone", Template: "web-a"})
			if err != nil || id != "new" || b.name != "clone" {
				t.Fatalf("Create() = %q, %v, with name %q, want new and clone", id, err, b.name)
			}
			if got := string(b.created.HostConfig.NetworkMode); got != test.wantMode {
				t.Errorf("NetworkMode = %q, want %q", got, test.wantMode)
			}
			first := ""
			if config := b.created.NetworkingConfig; config != nil {
				for name, endpoint := range config.EndpointsConfig {
					first += name
					if endpoint.Aliases != nil || endpoint.IPAMConfig != nil || endpoint.MacAddress != "" {
						t.Errorf("endpoint = %+v, want nothing that is the original's alone", endpoint)
					}
					if name == "app" && endpoint.DriverOpts["k"] != "v" {
						t.Errorf("endpoint = %+v, want the driver's options", endpoint)
					}
				}
			}
			if first != test.wantFirst || !slices.Equal(b.connected, test.wantOthers) {
				t.Errorf("created in %q, connected to %v, want %q and %v", first, b.connected, test.wantFirst, test.wantOthers)
			}
		})
	}
}

func TestCreate_leaves_nothing_half_made(t *testing.T) {
	b := &builder{
		template: template("app", `"app":{},"lost":{}`),
		image:    answer(`{"Id":"sha256:aa"}`),
		connect:  status(http.StatusNotFound),
	}
	id, err := b.engine(t).Create(t.Context(), engine.Spec{Name: "clone", Template: "web-a"})
	checkSentinel(t, err, engine.ErrNotFound)
	if id != "" || b.removed != 1 {
		t.Errorf("Create() = %q, and removed %d containers, want 1", id, b.removed)
	}
}

func TestCreate_image(t *testing.T) {
	tests := []struct {
		name  string
		image http.HandlerFunc
		want  string
		err   error
	}{
		{"the reference", answer(`{"Id":"sha256:aa"}`), "web:1", nil},
		{"the tag was moved", answer(`{"Id":"sha256:bb"}`), "sha256:aa", nil},
		{"the tag was removed", status(http.StatusNotFound), "sha256:aa", nil},
		{"nobody may ask", status(http.StatusForbidden), "web:1", nil},
		{"the engine is in trouble", status(http.StatusServiceUnavailable), "", engine.ErrUnavailable},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := &builder{template: template("app", `"app":{}`), image: test.image}
			_, err := b.engine(t).Create(t.Context(), engine.Spec{Name: "clone", Template: "web-a"})
			if test.err != nil {
				checkSentinel(t, err, test.err)
				return
			}
			if err != nil || b.created.Image != test.want {
				t.Errorf("Create() used image %q, %v, want %q", b.created.Image, err, test.want)
			}
		})
	}
}

func TestDropDefaults(t *testing.T) {
	defaults := image.InspectResponse{Config: &dockerspec.DockerOCIImageConfig{
		ImageConfig: ocispec.ImageConfig{
			User: "app", Env: []string{"PATH=/bin", "VERSION=1"}, Entrypoint: []string{"/app"}, Cmd: []string{"serve"},
			WorkingDir: "/srv", StopSignal: "SIGQUIT", ExposedPorts: map[string]struct{}{"80/tcp": {}}, Volumes: map[string]struct{}{"/data": {}},
		},
		DockerOCIImageConfigExt: dockerspec.DockerOCIImageConfigExt{Healthcheck: &container.HealthConfig{Test: []string{"CMD", "/check"}}},
	}}
	inherited := func() *container.Config {
		return &container.Config{
			User: "app", Env: []string{"PATH=/bin", "VERSION=1"}, Entrypoint: []string{"/app"}, Cmd: []string{"serve"},
			WorkingDir: "/srv", StopSignal: "SIGQUIT", ExposedPorts: map[nat.Port]struct{}{"80/tcp": {}}, Volumes: map[string]struct{}{"/data": {}},
			Healthcheck: &container.HealthConfig{Test: []string{"CMD", "/check"}},
		}
	}
	own := func() *container.Config {
		return &container.Config{
			User: "me", Env: []string{"PATH=/mine", "VERSION=1", "A=b"}, Entrypoint: []string{"/wrap"}, Cmd: []string{"serve"},
			WorkingDir: "/", StopSignal: "SIGINT", ExposedPorts: map[nat.Port]struct{}{"80/tcp": {}, "81/tcp": {}}, Volumes: map[string]struct{}{"/more": {}},
			Healthcheck: &container.HealthConfig{Test: []string{"NONE"}},
		}
	}
	wantOwn := own()
	wantOwn.Env = []string{"PATH=/mine", "A=b"}
	maps.DeleteFunc(wantOwn.ExposedPorts, func(p nat.Port, _ struct{}) bool { return p == "80/tcp" })
	tests := []struct {
		name         string
		config, want *container.Config
		from         image.InspectResponse
	}{
		{"inherited", inherited(), &container.Config{Env: []string{}, ExposedPorts: map[nat.Port]struct{}{}, Volumes: map[string]struct{}{}}, defaults},
		{"its own", own(), wantOwn, defaults},
		{"an image without configuration", own(), own(), image.InspectResponse{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dropDefaults(test.config, test.from)
			if diff := cmp.Diff(test.want, test.config); diff != "" {
				t.Errorf("dropDefaults() (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCloneHost_grants_nothing(t *testing.T) {
	original := &container.HostConfig{
		Privileged: true, CapAdd: []string{"ALL"}, Binds: []string{"/:/host"}, VolumesFrom: []string{"db"},
		PidMode: "host", IpcMode: "host", UTSMode: "host", UsernsMode: "host", Cgroup: "container:1", CgroupnsMode: "host",
		PublishAllPorts: true, AutoRemove: true, RestartPolicy: container.RestartPolicy{Name: "always"},
		SecurityOpt: []string{"seccomp=unconfined", "writable-cgroups=true", "no-new-privileges"},
		MaskedPaths: []string{}, ReadonlyPaths: []string{},
		Resources: container.Resources{
			Memory:  1 << 20,
			Devices: []container.DeviceMapping{{PathOnHost: "/dev/a"}}, DeviceRequests: []container.DeviceRequest{{Count: -1}}, DeviceCgroupRules: []string{"a"},
		},
		Mounts: []mount.Mount{
			{Type: mount.TypeBind, Source: "/", Target: "/host"},
			{Type: mount.TypeVolume, Source: "data", Target: "/data"},
			{Type: mount.TypeVolume, Target: "/anonymous"},
			{Type: mount.TypeTmpfs, Target: "/tmp"},
		},
	}
	want := &container.HostConfig{
		RestartPolicy: container.RestartPolicy{Name: "no"},
		SecurityOpt:   []string{"no-new-privileges"},
		Resources:     container.Resources{Memory: 1 << 20},
		Mounts:        []mount.Mount{{Type: mount.TypeVolume, Target: "/anonymous"}, {Type: mount.TypeTmpfs, Target: "/tmp"}},
	}
	if diff := cmp.Diff(want, cloneHost(original)); diff != "" {
		t.Errorf("cloneHost() (-want +got):\n%s", diff)
	}
	if len(original.SecurityOpt) != 3 || len(original.Mounts) != 4 || original.Devices == nil {
		t.Errorf("cloneHost() changed the original: %+v", original)
	}
	tight := &container.HostConfig{IpcMode: "none", CgroupnsMode: "private", ReadonlyRootfs: true, Runtime: "runsc"}
	got := cloneHost(tight)
	if got.IpcMode != "none" || got.CgroupnsMode != "private" || !got.ReadonlyRootfs || got.Runtime != "runsc" {
		t.Errorf("cloneHost() = %+v, want the original's confinement", got)
	}
}
