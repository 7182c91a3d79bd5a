package config

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestConfig_Pending(t *testing.T) {
	load := func(text string) Config {
		t.Helper()
		c, err := Load(Sources{Args: []string{"--config", write(t, text)}})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	was := load("log.level: info\nadmin.listen: ':1'\n")
	tests := []struct {
		name, next string
		want       []string
	}{
		{"nothing", "admin.listen: ':1'\n", nil},
		{"what_is_live", "admin.listen: ':1'\nlog.level: debug\ntrusted-proxies: 10.0.0.0/8\npools: {web: {policy: random}}\non-exit: remove\n", nil},
		{"what_is_not", "admin.listen: ':2'\nengine: embedded\nlog.level: warn\n", []string{"admin.listen", "engine"}},
		{"what_is_left_out", "log.level: info\n", []string{"admin.listen"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, was.Pending(load(tt.next))); diff != "" {
				t.Errorf("Pending() (-want +got):\n%s", diff)
			}
		})
	}
}

// Every name of the list is one of a key.
func TestKey_Live(t *testing.T) {
	n := 0
	for _, k := range Keys() {
		if k.Live() {
			n++
		}
	}
	if n != len(live) {
		t.Errorf("%d keys are live, want all %d of the list", n, len(live))
	}
}

// Each key that is live is taken over, and no other.
func TestConfig_With(t *testing.T) {
	other := map[string]string{
		"trusted-proxies": "10.0.0.0/8", "access-log.sample": "0.5", "scale.max-containers": "7", "scale.memory-headroom": "33",
		"on-exit": "remove", "shutdown.timeout": "5s", "log.level": "error",
		"admin.listen": ":1", "traffic.listen": ":2", "instance": "other", "labels.prefix": "other", "engine": "embedded", "request-id": "false",
	}
	for name := range live {
		if other[name] == "" {
			t.Errorf("%s is live: give it another value here", name)
		}
	}
	was, err := Load(Sources{})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range Keys() {
		text := other[k.Name]
		if text == "" {
			continue
		}
		next, err := Load(Sources{Args: []string{"--" + k.Name + "=" + text}})
		if err != nil {
			t.Fatal(err)
		}
		got := was.With(next)
		differs := cmp.Diff(was, got, cmpopts.IgnoreUnexported(Config{}), cmpopts.EquateComparable(netip.Prefix{})) != ""
		if differs != k.Live() {
			t.Errorf("%s: taken over = %v, live = %v", k.Name, differs, k.Live())
		}
	}
}
