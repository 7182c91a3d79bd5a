package containers

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadLabels(t *testing.T) {
	got := ReadLabels("ballast", map[string]string{
		"ballast.enable": "true", "ballast.weight": "+03", "ballast.port": "http", "ballast.timeout": "90s",
		"ballast.health.status": "204", "ballast.hash": "header:X-Tenant", "ballast.scale.requests": "20/15s",
		"ballast.rate-limit": "off", "ballast.host": "*.Shop.example, shop.example", "ballast.sticky": "false",
		"ballast.scale.mx": "3", "ballast.slot": "0", "ballastx.enable": "true", "com.example.password": "hush",
	})
	want := []Label{
		{Key: "ballast.enable", Value: "true", Read: "true"},
		{Key: "ballast.hash", Value: "header:X-Tenant", Read: "header:x-tenant"},
		{Key: "ballast.health.status", Value: "204", Read: "204-204"},
		{Key: "ballast.host", Value: "*.Shop.example, shop.example", Read: "*.shop.example,shop.example"},
		{Key: "ballast.port", Value: "http", Refused: "must be a whole number from 1 to 65535"},
		{Key: "ballast.rate-limit", Value: "off", Read: "off"},
		{Key: "ballast.scale.mx", Value: "3", Refused: "is not a label of this version; did you mean ballast.scale.max?"},
		{Key: "ballast.scale.requests", Value: "20/15s", Read: "20/15s"},
		{Key: "ballast.slot", Value: "0", Refused: "must be a whole number from 1 to 1000000"},
		{Key: "ballast.sticky", Value: "false", Read: "false"},
		{Key: "ballast.timeout", Value: "90s", Read: "1m30s"},
		{Key: "ballast.weight", Value: "+03", Read: "3"},
		{Key: "ballast.pool", Read: "default", Default: true},
		{Key: "ballast.scheme", Read: "http", Default: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ReadLabels() differs (-want +got):\n%s", diff)
	}
}

func TestReadLabels_of_one_that_is_not_enabled(t *testing.T) {
	got := ReadLabels("lb", map[string]string{"lb.enable": "yes", "lb.pool": "web", "ballast.weight": "3"})
	want := []Label{
		{Key: "lb.enable", Value: "yes", Refused: `only "true" joins`},
		{Key: "lb.pool", Value: "web", Read: "web"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ReadLabels() differs (-want +got):\n%s", diff)
	}
}

// What a label was read as is a value of that label, which is read as the same.
func TestReadLabels_can_be_read_again(t *testing.T) {
	values := map[string][]string{
		"hash": {"ip", "path", "cookie:tenant"}, "health.status": {"200-399", "500"}, "rate-limit": {"100/s", "off"},
		"scale.latency": {"off", "1s"}, "slow-start": {"0s", "1h"}, "health.path": {"/"}, "path": {"/api/", "/"},
		"policy": {"weighted", "maglev"}, "timeout": {"1h0m0s", "61m", "2h30m", "90.5s"}, "sticky": {"true", "false"},
		"concurrency": {"0", "-0", "007"}, "scale.max": {"0"}, "weight": {"0", "256"}, "scale.template": {"true", "false"}, "heal": {"true", "false", "restart"},
		"scale.ignore-agents": {"Bot*, kube-probe"}, "queue.size": {"0"}, "breaker": {"0"}, "retries": {"0"},
	}
	read := func(l label, value string) string {
		all := ReadLabels("ballast", map[string]string{"ballast." + l.name: value})
		if len(all) == 0 {
			return ""
		}
		if all[0].Refused != "" {
			t.Errorf("ballast.%s=%s was refused: it %s", l.name, value, all[0].Refused)
		}
		return all[0].Read
	}
	for _, l := range table {
		all := append([]string{l.example}, values[l.name]...)
		if l.initial != "" {
			all = append(all, l.initial)
		}
		for _, value := range all {
			once := read(l, value)
			if twice := read(l, once); once == "" || twice != once {
				t.Errorf("ballast.%s=%s is read as %q, and that as %q", l.name, value, once, twice)
			}
			if l.setting != nil {
				var want, got Settings
				if l.setting(&want, value) != nil || l.setting(&got, once) != nil || want != got {
					t.Errorf("ballast.%s=%s means %+v, and %s, as it was read, %+v", l.name, value, want, once, got)
				}
			}
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"shop-web-1", "shop-web-2", "shop-api-1", "db", "", strings.Repeat("x", 300)}
	tests := []struct {
		name string
		want []string
	}{
		{"web", []string{"shop-web-1", "shop-web-2"}},
		{"shop-wbe-1", []string{"shop-web-1", "shop-web-2"}},
		{"Shop-Api-1", []string{"shop-api-1"}},
		{"shop", []string{"shop-web-1", "shop-web-2", "shop-api-1"}},
		{"dB", []string{"db"}},
		{"nothing", nil},
		{"", nil},
		{strings.Repeat("x", 300), nil},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, Nearest(tt.name, names)); diff != "" {
			t.Errorf("Nearest(%q) differs (-want +got):\n%s", tt.name, diff)
		}
	}
}
