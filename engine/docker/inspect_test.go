package docker

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/go-connections/nat"
	"github.com/google/go-cmp/cmp"

	"github.com/ballast-lb/ballast/engine"
)

func TestList(t *testing.T) {
	query := make(chan string, 1)
	e := newFake(t, map[string]http.HandlerFunc{
		"GET /containers/json": func(w http.ResponseWriter, r *http.Request) {
			query <- r.URL.Query().Get("all")
			answer(`[
				{"Id":"1","Names":["/other/alias","/web-a"],"Image":"web:1","ImageID":"sha256:aa","Labels":{"ballast.enable":"true"},"State":"running"},
				{"Id":"2","Names":["/web-b"],"Image":"web:1","State":"exited"},
				{"Id":"3","Names":null,"State":"removing"}]`)(w, r)
		},
	})
	got, err := e.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []engine.Summary{
		{ID: "1", Name: "web-a", Image: "web:1", ImageID: "sha256:aa", Labels: map[string]string{"ballast.enable": "true"}, State: engine.StateRunning},
		{ID: "2", Name: "web-b", Image: "web:1", State: engine.StateExited},
		{ID: "3", State: engine.StateRemoving},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("List() (-want +got):\n%s", diff)
	}
	if all := <-query; all != "1" {
		t.Errorf("List() asked for all=%q, want stopped ones too", all)
	}
}

const runningWeb = `{
	"Id":"1","Name":"/web-a","Image":"sha256:aa",
	"State":{"Status":"running","ExitCode":0,"StartedAt":"2026-01-02T03:04:05.000000006Z","FinishedAt":"0001-01-01T00:00:00Z",
		"Health":{"Status":"unhealthy","Log":[{"Output":"old"},{"Output":"  connection refused\n"}]}},
	"HostConfig":{"NetworkMode":"app","PortBindings":{"8080/tcp":[{"HostIp":"","HostPort":"8081"}]}},
	"Config":{"Image":"web:1","Labels":{"ballast.enable":"true"},"ExposedPorts":{"8080/tcp":{},"53/udp":{}},"StopSignal":"SIGQUIT","StopTimeout":3},
	"NetworkSettings":{
		"Ports":{"8080/tcp":[{"HostIp":"::","HostPort":"8081"},{"HostIp":"0.0.0.0","HostPort":"8081"}],"53/udp":null},
		"Networks":{
			"web":{"NetworkID":"w","IPAddress":"172.19.0.9","IPAMConfig":{"IPv4Address":"172.19.0.9"}},
			"app":{"NetworkID":"a","IPAddress":"172.18.0.3","IPAMConfig":{}},
			"six":{"NetworkID":"s","GlobalIPv6Address":"fd00::2","IPAMConfig":null}}}}`

const createdWeb = `{
	"Id":"2","Name":"/web-b",
	"State":{"Status":"created","ExitCode":128,"StartedAt":"0001-01-01T00:00:00Z","FinishedAt":"0001-01-01T00:00:00Z"},
	"HostConfig":{"NetworkMode":"host"},
	"Config":{"Image":"web:1","StopTimeout":-1},
	"NetworkSettings":{"Ports":{},"Networks":{"host":{"NetworkID":"h"}}}}`

const exitedWeb = `{
	"Id":"3","Name":"/web-c",
	"State":{"Status":"exited","ExitCode":137,"StartedAt":"2026-01-02T03:04:05Z","FinishedAt":"2026-01-02T03:05:05Z","Health":{"Status":"none"}},
	"HostConfig":{},"Config":{},"NetworkSettings":{}}`

func TestToContainer(t *testing.T) {
	startedAt := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	tests := []struct {
		name, body string
		want       engine.Container
	}{
		{"running", runningWeb, engine.Container{
			Summary:      engine.Summary{ID: "1", Name: "web-a", Image: "web:1", ImageID: "sha256:aa", Labels: map[string]string{"ballast.enable": "true"}, State: engine.StateRunning},
			StartedAt:    startedAt.Add(6),
			Health:       engine.HealthUnhealthy,
			HealthOutput: "connection refused",
			StopSignal:   3,
			StopTimeout:  3 * time.Second,
			Networks: []engine.Network{
				{ID: "a", Name: "app", Address: "172.18.0.3"},
				{ID: "s", Name: "six", Address: "fd00::2"},
				{ID: "w", Name: "web", Address: "172.19.0.9", Fixed: true},
			},
			Ports: []engine.Port{{Number: 53, Protocol: "udp"}, {Number: 8080, Protocol: "tcp", HostIP: "0.0.0.0", HostPort: 8081}},
		}},
		{"created on the host's network", createdWeb, engine.Container{
			Summary:     engine.Summary{ID: "2", Name: "web-b", Image: "web:1", State: engine.StateCreated},
			StopSignal:  15,
			StopTimeout: endlessStopTimeout,
			Networks:    []engine.Network{{ID: "h", Name: "host"}},
			HostNetwork: true,
			Grants:      engine.Grants{NetworkMode: "host"},
		}},
		{"killed", exitedWeb, engine.Container{
			Summary:     engine.Summary{ID: "3", Name: "web-c", State: engine.StateExited},
			StartedAt:   startedAt,
			FinishedAt:  startedAt.Add(time.Minute),
			ExitCode:    137,
			StopSignal:  15,
			StopTimeout: 10 * time.Second,
		}},
		{"next to nothing", `{}`, engine.Container{StopSignal: 15, StopTimeout: 10 * time.Second}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var c container.InspectResponse
			if err := json.Unmarshal([]byte(test.body), &c); err != nil {
				t.Fatal(err)
			}
			got := toContainer(whole(c))
			got.ConfigHash = "" // The suite says what it is to be.
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("toContainer() (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTrim(t *testing.T) {
	for in, want := range map[string]string{
		" a \n":                  "a",
		"a\xffb":                 "a\uFFFDb",
		strings.Repeat("ä", 200): strings.Repeat("ä", 200),
		strings.Repeat("ä", 201): strings.Repeat("ä", 199) + "…",
	} {
		if got := trim(in); got != want {
			t.Errorf("trim(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestToPorts(t *testing.T) {
	binding := func(ip, port string) nat.PortBinding { return nat.PortBinding{HostIP: ip, HostPort: port} }
	tests := []struct {
		name         string
		exposed      nat.PortSet
		asked, bound nat.PortMap
		want         []engine.Port
	}{
		{"none", nil, nil, nil, nil},
		{
			"exposed, by number and protocol",
			nat.PortSet{"443/tcp": {}, "80/tcp": {}, "443/udp": {}},
			nil,
			nil,
			[]engine.Port{{Number: 80, Protocol: "tcp"}, {Number: 443, Protocol: "tcp"}, {Number: 443, Protocol: "udp"}},
		},
		{
			"asked for while it does not run",
			nil,
			nat.PortMap{"80/tcp": {binding("127.0.0.1", "8080")}},
			nat.PortMap{},
			[]engine.Port{{Number: 80, Protocol: "tcp", HostIP: "127.0.0.1", HostPort: 8080}},
		},
		{
			"any host port, before and after it is chosen",
			nil,
			nat.PortMap{"80/tcp": {binding("", "")}, "81/tcp": {binding("", "0")}},
			nat.PortMap{"81/tcp": {binding("0.0.0.0", "32768")}},
			[]engine.Port{{Number: 80, Protocol: "tcp"}, {Number: 81, Protocol: "tcp", HostIP: "0.0.0.0", HostPort: 32768}},
		},
		{
			"IPv4 first, then the lowest",
			nil,
			nil,
			nat.PortMap{"80/tcp": {binding("::", "80"), binding("0.0.0.0", "8081"), binding("0.0.0.0", "8080")}},
			[]engine.Port{{Number: 80, Protocol: "tcp", HostIP: "0.0.0.0", HostPort: 8080}},
		},
		{
			"IPv6 only",
			nil,
			nil,
			nat.PortMap{"80/tcp": {binding("::1", "80")}},
			[]engine.Port{{Number: 80, Protocol: "tcp", HostIP: "::1", HostPort: 80}},
		},
		{"nonsense", nat.PortSet{"x/tcp": {}, "0/tcp": {}, "70000/tcp": {}}, nil, nil, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, toPorts(test.exposed, test.asked, test.bound)); diff != "" {
				t.Errorf("toPorts() (-want +got):\n%s", diff)
			}
		})
	}
}

func TestToGrants(t *testing.T) {
	anonymous := strings.Repeat("0123456789abcdef", 4)
	tests := []struct {
		name   string
		host   container.HostConfig
		mounts []container.MountPoint
		want   engine.Grants
	}{
		{
			name: "a plain container",
			host: container.HostConfig{
				NetworkMode: "app", IpcMode: "private", CgroupnsMode: "host",
				SecurityOpt: []string{"no-new-privileges", "seccomp={}", "apparmor=mine", "label=type:svirt_apache_t", "writable-cgroups=false"},
				MaskedPaths: []string{"/proc/kcore"},
			},
			mounts: []container.MountPoint{{Type: mount.TypeTmpfs, Destination: "/tmp"}, {Type: mount.TypeVolume, Name: anonymous, Destination: "/data"}},
		},
		{name: "privileged", host: container.HostConfig{Privileged: true}, want: engine.Grants{Privileged: true}},
		{name: "no network", host: container.HostConfig{NetworkMode: "none"}, want: engine.Grants{NetworkMode: "none"}},
		{name: "another's network", host: container.HostConfig{NetworkMode: "container:4f"}, want: engine.Grants{NetworkMode: "container:4f"}},
		{
			name: "namespaces",
			host: container.HostConfig{PidMode: "container:4f", IpcMode: "host", UTSMode: "host", UsernsMode: "host", Cgroup: "container:4f"},
			want: engine.Grants{Namespaces: []string{"pid=container:4f", "ipc=host", "uts=host", "userns=host", "cgroup=container:4f"}},
		},
		{
			name: "devices",
			host: container.HostConfig{Resources: container.Resources{
				Devices: []container.DeviceMapping{{PathOnHost: "/dev/a", PathInContainer: "/dev/b"}},
				DeviceRequests: []container.DeviceRequest{
					{Count: -1, Capabilities: [][]string{{"gpu"}}}, {Driver: "nvidia", Count: 2}, {Driver: "cdi", DeviceIDs: []string{"x", "y"}}, {Count: 1},
				},
				DeviceCgroupRules: []string{"c 1:3 rwm"},
			}},
			want: engine.Grants{Devices: []string{"/dev/a:/dev/b", "gpu: all", "nvidia: 2", "cdi: x,y", "device: 1", "rule c 1:3 rwm"}},
		},
		{name: "capabilities", host: container.HostConfig{CapAdd: []string{"NET_ADMIN"}}, want: engine.Grants{Capabilities: []string{"NET_ADMIN"}}},
		{
			name: "mounts",
			host: container.HostConfig{VolumesFrom: []string{"db:ro"}},
			mounts: []container.MountPoint{
				{Type: mount.TypeBind, Source: "/etc", Destination: "/host"},
				{Type: mount.TypeVolume, Name: "data", Source: "/var/lib/docker/volumes/data/_data", Destination: "/data"},
			},
			want: engine.Grants{Mounts: []string{"/etc:/host", "data:/data", "volumes-from=db:ro"}},
		},
		{
			name: "security",
			host: container.HostConfig{SecurityOpt: []string{"seccomp=unconfined", "apparmor:unconfined", "label:disable", "writable-cgroups", "no-new-privileges"}, MaskedPaths: []string{}},
			want: engine.Grants{Security: []string{"seccomp=unconfined", "apparmor:unconfined", "label:disable", "writable-cgroups", "systempaths=unconfined"}},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := whole(container.InspectResponse{Mounts: test.mounts})
			c.HostConfig = &test.host
			if diff := cmp.Diff(test.want, toGrants(c)); diff != "" {
				t.Errorf("toGrants() (-want +got):\n%s", diff)
			}
		})
	}
}
