package config

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/containers"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ballast.yml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoad_defaults(t *testing.T) {
	got, err := Load(Sources{})
	if err != nil {
		t.Fatalf("Load() = %v", err)
	}
	want := Config{
		AdminListen: ":8080", TrafficListen: ":8000", ACME: ACME{Storage: "/var/lib/ballast/acme"}, AccessLog: AccessLog{Sample: 1},
		RequestID: true, Engine: EngineDocker, Instance: hostName(), LabelsPrefix: "ballast", MaxContainers: 50, MemoryHeadroom: 10,
		OnExit: OnExitLeave, ShutdownTimeout: time.Minute, LogLevel: zerolog.InfoLevel, LogFormat: FormatAuto,
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Config{})); diff != "" {
		t.Errorf("Load() differs (-want +got):\n%s", diff)
	}
}

func TestLoad_precedence(t *testing.T) {
	path := write(t, "admin:\n  listen: ':1'\nlog.level: warn\ninstance: from-file\non-exit: remove\n")
	got, err := Load(Sources{
		Args:    []string{"--config", path, "--admin.listen=:3"},
		Environ: []string{"BALLAST_ADMIN_LISTEN=:2", "BALLAST_LOG_LEVEL=error", "BALLAST_ON_EXIT=", "BALLAST_ENGINE=docker"},
		Fixed:   map[string]string{"engine": EngineEmbedded},
	})
	if err != nil {
		t.Fatalf("Load() = %v", err)
	}
	tests := []struct{ name, got, want string }{
		{"flag_beats_environment", got.AdminListen, ":3"},
		{"environment_beats_file", got.LogLevel.String(), "error"},
		{"file_beats_default", got.Instance, "from-file"},
		{"empty_environment_counts_as_unset", got.OnExit, OnExitRemove},
		{"subcommand_beats_all", got.Engine, EngineEmbedded},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.got != tt.want {
				t.Errorf("got %q, want %q", tt.got, tt.want)
			}
		})
	}
}

func TestLoad_config_file_from_environment(t *testing.T) {
	path := write(t, "instance: a\n")
	got, err := Load(Sources{Environ: []string{"BALLAST_CONFIG=" + path}})
	if err != nil || got.Instance != "a" {
		t.Errorf("Load() = %q, %v, want a", got.Instance, err)
	}
}

func TestLoad_pools(t *testing.T) {
	path := write(t, `
pools:
  default:
    policy: random
    sticky: true
    sticky.ttl: 2h
    health: {path: /up, interval: 3s}
    scale: {max: 6}
  empty: {}
`)
	got, err := Load(Sources{Args: []string{"--config=" + path}})
	if err != nil {
		t.Fatalf("Load() = %v", err)
	}
	want := containers.PoolConfig{"default": {
		"policy": "random", "sticky": "true", "sticky.ttl": "2h",
		"health.path": "/up", "health.interval": "3s", "scale.max": "6",
	}}
	if diff := cmp.Diff(want, got.Pools); diff != "" {
		t.Errorf("Pools differ (-want +got):\n%s", diff)
	}
}

func TestLoad_reports_all_problems_at_once(t *testing.T) {
	path := write(t, "admin.listen: nonsense\nunknown.key: 1\nscale: {max-containers: many}\npools: {web: {policy: best}}\n")
	_, err := Load(Sources{
		Args:    []string{"--config", path, "--engine=podman"},
		Environ: []string{"BALLAST_ON_EXIT=destroy", "BALLAST_LOG_LEVEL=loud", "BALLAST_LABELS_PREFIX=A b", "BALLAST_SHUTDOWN_TIMEOUT=-1s"},
	})
	if err == nil {
		t.Fatal("Load() succeeded, want errors")
	}
	for _, want := range []string{
		`admin.listen: "nonsense" (` + path + `) must be an address and port`,
		`unknown.key: unknown key in ` + path,
		`scale.max-containers: "many" (` + path + `) must be a number`,
		`engine: "podman" (--engine) must be docker or embedded`,
		`on-exit: "destroy" (BALLAST_ON_EXIT) must be leave or remove`,
		`log.level: "loud" (BALLAST_LOG_LEVEL) must be debug, info, warn or error`,
		`labels.prefix: "A b" (BALLAST_LABELS_PREFIX) must be`,
		`pools.web.policy="best"`,
		`shutdown.timeout: "-1s" (BALLAST_SHUTDOWN_TIMEOUT) must be`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %q:\n%v", want, err)
		}
	}
	if lines := strings.Count(err.Error(), "\n") + 1; lines != 9 {
		t.Errorf("error has %d lines, want 9:\n%v", lines, err)
	}
}

func TestLoad_flag_against_the_subcommand(t *testing.T) {
	fixed := map[string]string{"engine": EngineEmbedded}
	if _, err := Load(Sources{Args: []string{"--engine=docker"}, Fixed: fixed}); err == nil || !strings.Contains(err.Error(), "--engine") {
		t.Errorf("Load() = %v, want an error that names --engine", err)
	}
	if _, err := Load(Sources{Args: []string{"--engine=embedded"}, Fixed: fixed}); err != nil {
		t.Errorf("Load() = %v with the flag as the subcommand has it", err)
	}
}

func TestLoad_files(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"empty", "", ""},
		{"everything_commented_out", "pools:\n", ""},
		{"nothing_in_a_pool", "pools:\n  web:\n", ""},
		{"not_yaml", "a: [b\n", "can't be read"},
		{"no_mapping", "hello", "can't be read"},
		{"key_twice", "engine: docker\nengine: embedded\n", "can't be read"},
		{"key_twice_in_two_notations", "admin.listen: ':1'\nadmin: {listen: ':2'}\n", "admin.listen: stands twice"},
		{"pools_is_no_mapping", "pools: 3\n", "pools: must hold settings"},
		{"pool_is_no_mapping", "pools: {web: 3}\n", "pools.web: must hold settings"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Load(Sources{Args: []string{"--config", write(t, tt.text)}})
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("Load() = %v, want nil", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n")):
				t.Errorf("Load() = %v, want one line with %q", err, tt.want)
			}
		})
	}
}

func TestLoad_listen(t *testing.T) {
	tests := []struct {
		in string
		ok bool
	}{
		{":0", true},
		{"127.0.0.1:8080", true},
		{"[::1]:8080", true},
		{"localhost:80", true},
		{"8080", false},
		{":70000", false},
		{":http", false},
		{"exa mple:80", false},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			if _, err := Load(Sources{Args: []string{"--admin.listen", tt.in}}); (err == nil) != tt.ok {
				t.Errorf("Load() = %v, want ok %t", err, tt.ok)
			}
		})
	}
}

func TestLoad_docker_host(t *testing.T) {
	for host, ok := range map[string]bool{
		"":                            true,
		"unix:///var/run/docker.sock": true,
		"tcp://127.0.0.1:2376":        true,
		"/var/run/docker.sock":        false,
		"nonsense://x":                false,
	} {
		t.Run(host, func(t *testing.T) {
			if _, err := Load(Sources{Args: []string{"--docker.host", host}}); (err == nil) != ok {
				t.Errorf("Load() = %v, want ok %t", err, ok)
			}
		})
	}
}

func TestLoad_bad_flags(t *testing.T) {
	for _, args := range [][]string{{"--nope"}, {"stray"}, {"--config"}, {"--config", "/does/not/exist.yml"}} {
		t.Run(strings.Join(args, "_"), func(t *testing.T) {
			_, err := Load(Sources{Args: args})
			if err == nil || strings.Contains(err.Error(), "\n") {
				t.Errorf("Load() = %v, want one line", err)
			}
		})
	}
}

func TestLoad_help(t *testing.T) {
	if _, err := Load(Sources{Args: []string{"--help"}}); !errors.Is(err, flag.ErrHelp) {
		t.Fatalf("Load() = %v, want flag.ErrHelp", err)
	}
}

// What Values returns can be set, and for the keys that are words nothing else.
func TestKey_Values(t *testing.T) {
	others := map[string]bool{keyTLSRedirect: true, keyTrafficListen: true, keyTLSListen: true, keyACMEDomains: true, keyAccessLog: true}
	n := 0
	for _, k := range Keys() {
		all := k.Values()
		if len(all) == 0 {
			continue
		}
		n++
		for _, v := range all {
			if err := k.set(&Config{}, v); err != nil {
				t.Errorf("%s=%s: %v", k.Name, v, err)
			}
		}
		if err := k.set(&Config{}, "another"); err == nil && !others[k.Name] {
			t.Errorf("%s may be something else than %q", k.Name, all)
		}
	}
	if n != len(words) {
		t.Errorf("%d keys have values, want the %d of words", n, len(words))
	}
}

func TestLoad_warns_of_unknown_environment(t *testing.T) {
	got, err := Load(Sources{Environ: []string{"BALLAST_PORT=8080", "OTHER=1"}})
	if err != nil {
		t.Fatalf("Load() = %v", err)
	}
	if len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0], "BALLAST_PORT") {
		t.Errorf("Warnings = %q, want one about BALLAST_PORT", got.Warnings)
	}
}
