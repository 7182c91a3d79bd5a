package containers_test

import (
	"strings"
	"testing"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/engine"
)

func TestVet(t *testing.T) {
	tests := []struct {
		name string
		c    engine.Container
		want []string
	}{
		{"a plain container", engine.Container{
			Ports:    []engine.Port{{Number: 8080, Protocol: "tcp"}},
			Networks: []engine.Network{{Name: "net", Address: "10.0.0.2"}},
		}, nil},
		{
			"published",
			engine.Container{Ports: []engine.Port{{Number: 80, Protocol: "tcp", HostPort: 8080}}},
			[]string{"port 80/tcp is published as 8080", "publish no port"},
		},
		{
			"fixed address",
			engine.Container{Networks: []engine.Network{{Name: "net", Fixed: true}}},
			[]string{"address in network net is fixed", "let the engine"},
		},
		{"host network", engine.Container{HostNetwork: true}, []string{"shares the host's network", "docker network create"}},
		{"network mode", engine.Container{HostNetwork: true, Grants: engine.Grants{NetworkMode: "host"}}, []string{`its network is "host"`}},
		{"privileged", engine.Container{Grants: engine.Grants{Privileged: true}}, []string{"without --privileged"}},
		{"namespaces", engine.Container{Grants: engine.Grants{Namespaces: []string{"pid=host"}}}, []string{"pid=host"}},
		{"devices", engine.Container{Grants: engine.Grants{Devices: []string{"/dev/fuse"}}}, []string{"/dev/fuse", "without --device"}},
		{"capabilities", engine.Container{Grants: engine.Grants{Capabilities: []string{"NET_ADMIN", "SYS_TIME"}}}, []string{"NET_ADMIN, SYS_TIME", "--cap-add"}},
		{"mounts", engine.Container{Grants: engine.Grants{Mounts: []string{"data:/data"}}}, []string{"data:/data", "--tmpfs"}},
		{"security", engine.Container{Grants: engine.Grants{Security: []string{"seccomp=unconfined"}}}, []string{"seccomp=unconfined"}},
		{"all problems at once", engine.Container{
			HostNetwork: true,
			Grants:      engine.Grants{Privileged: true, Mounts: []string{"data:/data"}},
		}, []string{"network", "privileged", "data:/data"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.c.Name = "web-a"
			err := containers.Vet(tt.c)
			if tt.want == nil {
				if err != nil {
					t.Errorf("Vet() = %v, want nil", err)
				}
				return
			}
			if err == nil {
				t.Fatal("Vet() = nil")
			}
			for _, want := range append(tt.want, "web-a") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("Vet() = %v, want %q in it", err, want)
				}
			}
		})
	}
}
