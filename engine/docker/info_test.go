package docker

import (
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/docker/docker/api/types/system"

	"github.com/ballast-lb/ballast/engine"
)

func TestNew(t *testing.T) {
	for _, host := range []string{"nonsense", "unix://", "ssh://me@there"} {
		if e, err := New(Options{Host: host}); err == nil || !strings.Contains(err.Error(), host) {
			t.Errorf("New(%q) = %v, %v, want an error that names it", host, e, err)
		}
	}
	t.Setenv("DOCKER_HOST", "ssh://me@there")
	if _, err := New(Options{}); err == nil {
		t.Error("New() with a DOCKER_HOST of ssh succeeded")
	}
	e, err := New(Options{Host: "unix:///over/riding.sock"})
	if err != nil {
		t.Fatal(err)
	}
	if got := e.conn.Load().DaemonHost(); got != "unix:///over/riding.sock" {
		t.Errorf("host = %q, want that of the options", got)
	}
}

func TestInfo(t *testing.T) {
	e := newFake(t, map[string]http.HandlerFunc{
		"GET /info": answer(`{"ServerVersion":"28.5.2","SystemTime":"2026-01-02T03:04:05.6Z","OperatingSystem":"Docker Desktop","SecurityOptions":["name=seccomp,profile=default"]}`),
	})
	got, err := e.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := engine.Info{Kind: "docker", Version: "28.5.2", Time: time.Date(2026, 1, 2, 3, 4, 5, 600e6, time.UTC), PublishedHost: "127.0.0.1"}
	if got != want {
		t.Errorf("Info() = %+v, want %+v", got, want)
	}
}

func TestInfo_agrees_anew_with_a_daemon_that_was_replaced(t *testing.T) {
	api := http.NewServeMux()
	api.HandleFunc("GET /info", answer(`{"ServerVersion":"x"}`))
	var daemon atomic.Pointer[http.Handler]
	replace := func(version string) {
		handler := versioned(version, api)
		daemon.Store(&handler)
	}
	replace("1.41")
	path := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*daemon.Load()).ServeHTTP(w, r) }))
	e, err := New(Options{Host: "unix://" + path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	for _, version := range []string{"1.41", "1.47", "1.44"} {
		replace(version)
		if _, err := e.Info(t.Context()); err != nil {
			t.Errorf("Info() of a daemon that speaks %s: %v", version, err)
		}
	}
}

func TestInfo_over_TLS(t *testing.T) {
	api := http.NewServeMux()
	api.HandleFunc("GET /info", answer(`{"ServerVersion":"secure"}`))
	api.HandleFunc("GET /events", answer(started))
	server := httptest.NewTLSServer(versioned("1.41", api))
	t.Cleanup(server.Close)
	folder := clientCertificate(t, server)
	t.Setenv("DOCKER_HOST", "tcp://"+server.Listener.Addr().String())
	t.Setenv("DOCKER_CERT_PATH", folder)
	t.Setenv("DOCKER_TLS_VERIFY", "1")
	e, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	info, err := e.Info(t.Context())
	if err != nil || info.Version != "secure" {
		t.Errorf("Info() = %+v, %v, want version secure", info, err)
	}
	for event, err := range e.Watch(t.Context(), time.Time{}) {
		if err != nil || event.Action != engine.ActionSubscribed {
			t.Errorf("Watch began with %+v, %v, want %s", event, err, engine.ActionSubscribed)
		}
		break
	}
}

// clientCertificate returns a folder for DOCKER_CERT_PATH that has a server's own certificate in all places.
func clientCertificate(t *testing.T, server *httptest.Server) string {
	t.Helper()
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	key, err := x509.MarshalPKCS8PrivateKey(server.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for name, content := range map[string][]byte{
		"ca.pem": certificate, "cert.pem": certificate, "key.pem": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func TestReach(t *testing.T) {
	const socket = "unix:///var/run/docker.sock"
	debian := system.Info{OperatingSystem: "Debian GNU/Linux 12 (bookworm)", SecurityOptions: []string{"name=seccomp,profile=default", "name=cgroupns"}}
	tests := []struct {
		name, goos, host string
		info             system.Info
		wantHost         string
		want             bool
	}{
		{"Linux", "linux", socket, debian, "127.0.0.1", true},
		{"macOS", "darwin", socket, debian, "127.0.0.1", false},
		{"Docker Desktop on Linux", "linux", socket, system.Info{OperatingSystem: "Docker Desktop"}, "127.0.0.1", false},
		{"rootless", "linux", socket, system.Info{SecurityOptions: []string{"name=seccomp,profile=default", "name=rootless"}}, "127.0.0.1", false},
		{"loopback", "linux", "tcp://127.0.0.1:2375", debian, "127.0.0.1", true},
		{"localhost", "linux", "tcp://localhost:2375", debian, "127.0.0.1", true},
		{"IPv6 loopback", "linux", "tcp://[::1]:2375", debian, "127.0.0.1", true},
		{"another host", "linux", "tcp://10.1.2.3:2376", debian, "10.1.2.3", false},
		{"another host by name", "linux", "tcp://docker.example:2376", debian, "docker.example", false},
		{"pipe", "windows", "npipe:////./pipe/docker_engine", debian, "127.0.0.1", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			host, containers := reach(test.goos, test.host, test.info)
			if host != test.wantHost || containers != test.want {
				t.Errorf("reach() = %q, %v, want %q, %v", host, containers, test.wantHost, test.want)
			}
		})
	}
}

func TestSystemTime_without_one(t *testing.T) {
	if age := time.Since(systemTime("")); age < 0 || age > time.Minute {
		t.Errorf("systemTime() is %v ago, want our own clock", age)
	}
}

func TestSelfID(t *testing.T) {
	const id = "4f2a9c0000000000000000000000000000000000000000000000000000000abc"
	tests := []struct{ name, mountinfo, want string }{
		{"docker", "1 0 0:1 / / rw - overlay overlay rw,lowerdir=" + strings.Repeat("/l/X:", 20000) + "\n" +
			"2 1 8:1 /var/lib/docker/containers/" + id + "/resolv.conf /etc/resolv.conf rw - ext4 /dev/sda1 rw\n" +
			"3 1 8:1 /var/lib/docker/containers/" + id + "/hostname /etc/hostname rw,relatime - ext4 /dev/sda1 rw\n", id},
		{"another data root", "3 1 8:1 /data/containers/" + id + "/hostname /etc/hostname rw - ext4 /dev/sda1 rw\n", id},
		{"a host that shows its containers", "3 1 8:1 / /var/lib/docker/containers/" + id + "/mounts/shm rw - tmpfs shm rw\n", ""},
		{"no ID", "3 1 8:1 /var/lib/containers/short/hostname /etc/hostname rw - ext4 /dev/sda1 rw\n", ""},
		{"empty", "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := selfID(strings.NewReader(test.mountinfo)); got != test.want {
				t.Errorf("selfID() = %q, want %q", got, test.want)
			}
		})
	}
}
