package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ballast-lb/ballast/internal/config"
)

func configFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ballast.yml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCheck_says_what_is_in_force(t *testing.T) {
	t.Setenv("DOCKER_HOST", "")
	const shop = "instance: harbour-1\npools: {web: {policy: random}, shop: {scale.max: 8, host: shop.example}}\n"
	file := configFile(t, shop)
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"flags", []string{"--instance=lb-1", "--engine", "embedded", "--traffic.listen=off"}, `the configuration is valid
  file      none
  admin     :8080, nobody may act
  traffic   off
  https     off
  engine    embedded
  instance  lb-1
  pools     none in the file: labels set them
`},
		{"a file", []string{"--config", file, "--traffic.tls.listen=:443", "--traffic.acme.domains=a.example,auto", "--traffic.acme.storage=" + t.TempDir()}, `the configuration is valid
  file      FILE
  admin     :8080, nobody may act
  traffic   :8000
  https     :443, by ACME for a.example, every host of a route
  engine    docker, at the local socket
  instance  harbour-1
  pools     shop: host, scale.max
            web: policy
`},
		{"another engine", []string{"--config=" + file, "--docker.host=tcp://10.0.0.5:2376"}, `the configuration is valid
  file      FILE
  admin     :8080, nobody may act
  traffic   :8000
  https     off
  engine    docker, at tcp://10.0.0.5:2376
  instance  harbour-1
  pools     shop: host, scale.max
            web: policy
`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			if err := run(t.Context(), append([]string{"check"}, tt.args...), &out); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, strings.ReplaceAll(out.String(), file, "FILE")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestCheck_json(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix:///run/other.sock")
	t.Setenv("BALLAST_PORT", "80")
	file := configFile(t, "instance: harbour-1\npools: {web: {policy: random}}\n")
	var out bytes.Buffer
	if err := run(t.Context(), []string{"check", "--json", "--config", file}, &out); err != nil {
		t.Fatal(err)
	}
	want := `{
  "valid": true,
  "file": "FILE",
  "listeners": {
    "admin": ":8080",
    "traffic": ":8000",
    "https": ""
  },
  "engine": {
    "kind": "docker",
    "host": "unix:///run/other.sock"
  },
  "instance": "harbour-1",
  "pools": {
    "web": {
      "policy": "random"
    }
  },
  "warnings": [
    "BALLAST_PORT in the environment is not a key of this version and has no effect"
  ],
  "problems": []
}
`
	if diff := cmp.Diff(want, strings.ReplaceAll(out.String(), file, "FILE")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// All that is wrong is told at once, each with its key, its value, where it stands, and what to do.
func TestCheck_tells_all_problems(t *testing.T) {
	t.Setenv("BALLAST_LOG_LEVEL", "loud")
	file := configFile(t, `on-exit: stay
admin: {lisen: ":80"}
traffic.tls: {redirect: true}
pools:
  web: {policy: fastest, wieght: 3, polcy: random}
  shop: {scale.min: 4, scale.max: 2}
  Bad: {policy: random}
`)
	args := []string{"check", "--config", file, "--engine=podman", "--access-log=/no/such/dir/a.log", "--traffic.listen=:8080"}
	var out bytes.Buffer
	err := run(t.Context(), append(args, "--json"), &out)
	if exitCode(args, err) != exitFailed {
		t.Fatalf("ballast check = %v, want exit code 1", err)
	}
	var d checked
	if err := json.Unmarshal(out.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for i, p := range d.Problems {
		lines = append(lines, p.Text)
		if !strings.Contains(p.Text, p.Key) {
			t.Errorf("the line %q lacks its key %s", p.Text, p.Key)
		}
		d.Problems[i].Text = ""
		d.Problems[i].Source = strings.ReplaceAll(p.Source, file, "FILE")
		d.Problems[i].Remedy = strings.ReplaceAll(p.Remedy, file, "FILE")
	}
	if d.Valid || strings.Join(lines, "\n") != err.Error() {
		t.Errorf("valid %t, and the lines are not those of\n%v", d.Valid, err)
	}
	want := []config.Problem{
		{Key: "admin.lisen", Value: ":80", Source: "FILE", Remedy: "unknown key in FILE: remove it, or see ballast serve --help for the keys"},
		{Key: "engine", Value: "podman", Source: "--engine", Remedy: "must be docker or embedded"},
		{Key: "on-exit", Value: "stay", Source: "FILE", Remedy: "must be leave or remove"},
		{Key: "log.level", Value: "loud", Source: "BALLAST_LOG_LEVEL", Remedy: "must be debug, info, warn or error"},
		{Key: "pools.Bad", Source: "FILE", Remedy: "a pool's name must be 1 to 63 of a-z, 0-9 and '-', not beginning with '-'"},
		{Key: "pools.shop.scale.min", Value: "4", Source: "FILE", Remedy: "must not be above pools.shop.scale.max"},
		{Key: "pools.web.polcy", Value: "random", Source: "FILE", Remedy: "did you mean pools.web.policy?"},
		{Key: "pools.web.policy", Value: "fastest", Source: "FILE", Remedy: "must be one of weighted, round-robin, random, least-request, peak-ewma, ip-hash, maglev"},
		{Key: "pools.web.wieght", Value: "3", Source: "FILE", Remedy: "remove it"},
		{Key: "traffic.tls.redirect", Value: "true", Source: "FILE", Remedy: "has no effect without traffic.tls.listen: set traffic.tls.listen to an address such as :443"},
		{Key: "traffic.listen", Value: ":8080", Source: "--traffic.listen", Remedy: `":8080" has the port of admin.listen: choose another`},
		{Key: "access-log", Value: "/no/such/dir/a.log", Source: "--access-log", Remedy: `"/no/such/dir/a.log" is in no directory: make "/no/such/dir" first`},
	}
	if diff := cmp.Diff(want, d.Problems); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
