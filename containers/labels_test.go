package containers

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// parse says whether a value is taken.
func (l *label) parse(value string) error {
	if l.setting != nil {
		return l.setting(new(Settings), value)
	}
	return l.own(new(labels), value)
}

func TestTable(t *testing.T) {
	seen := make(map[string]bool)
	for _, l := range table {
		t.Run(l.name, func(t *testing.T) {
			if seen[l.name] {
				t.Error("is defined twice")
			}
			seen[l.name] = true
			if (l.scope == scopePool) != (l.setting != nil) || (l.setting != nil) == (l.own != nil) {
				t.Errorf("scope %s, setting %t, own %t: want one parser, that of its scope", l.scope, l.setting != nil, l.own != nil)
			}
			if l.initial != "" && l.unset != "" {
				t.Error("has two defaults")
			}
			if !strings.HasSuffix(l.meaning, ".") {
				t.Errorf("meaning %q is no sentence", l.meaning)
			}
			if strings.Contains(l.meaning+l.example+l.unset, "|") {
				t.Error("would break the table of its page")
			}
			if l.initial != "" && l.parse(l.initial) != nil {
				t.Errorf("its own default %q: %v", l.initial, l.parse(l.initial))
			}
			if l.example == "" || l.example == l.initial {
				t.Errorf("example %q shows nothing", l.example)
			}
			if err := l.parse(l.example); err != nil {
				t.Errorf("its own example %q: %v", l.example, err)
			}
		})
	}
}

func TestDefaultSettings(t *testing.T) {
	want := Settings{
		Policy: "weighted", Hash: Hash{Source: HashIP}, Breaker: 5, Queue: Queue{Size: 1024, Timeout: 30 * time.Second},
		Sticky: Sticky{TTL: time.Hour, Cookie: "ballast_affinity"},
		Health: HealthCheck{
			Interval: 10 * time.Second, Timeout: 2 * time.Second, StatusMin: 200, StatusMax: 399, Fall: 3, Rise: 2,
		},
		Timeout: 30 * time.Second, ConnectTimeout: 2 * time.Second, IdleTimeout: time.Minute, Retries: 1,
		Scale:        Scale{Min: 1, Idle: 5 * time.Minute, HoldDown: time.Minute},
		DrainTimeout: 30 * time.Second,
	}
	if diff := cmp.Diff(want, DefaultSettings()); diff != "" {
		t.Errorf("DefaultSettings() differs (-want +got):\n%s", diff)
	}
}

// TestLabels_values has, for every label, values that are taken and values that are not.
func TestLabels_values(t *testing.T) {
	tests := map[string]struct{ good, bad []string }{
		"enable":              {good: []string{"true"}},
		"pool":                {good: []string{"a", "web-1", strings.Repeat("a", 63)}, bad: []string{"", "../x", "Web", "-a", "a b", "a\n", strings.Repeat("a", 64)}},
		"weight":              {good: []string{"0", "256"}, bad: []string{"", "-1", "257", "1000000", "1.5", "x", "9999999999999999999999"}},
		"port":                {good: []string{"1", "65535"}, bad: []string{"0", "70000", "http", "80/tcp"}},
		"scheme":              {good: []string{"http", "https", "h2c"}, bad: []string{"ftp", "HTTP", ""}},
		"network":             {good: []string{"front_1.a"}, bad: []string{"", "a b", "/x"}},
		"policy":              {good: []string{"weighted", "round-robin", "random", "least-request", "peak-ewma", "ip-hash", "maglev"}, bad: []string{"", "Weighted", "magic"}},
		"host":                {good: []string{"a.example", "*.a.example,b"}, bad: []string{"", "*", "a.example:80", "a,", "a b", "a..b"}},
		"path":                {good: []string{"/", "/api"}, bad: []string{"", "api", "/a?b", "/a/../b", "//a"}},
		"strip-path":          {good: []string{"true", "false"}, bad: []string{"", "/api"}},
		"hash":                {good: []string{"ip", "path", "header:X-Tenant", "cookie:Tenant"}, bad: []string{"", "header", "header:", "header:a b", "ip:", "path:x", "body", "cookie:a=b", "cookie:a:b"}},
		"breaker":             {good: []string{"0", "1000"}, bad: []string{"-1", "1001", "off"}},
		"slow-start":          {good: []string{"0s", "1h"}, bad: []string{"-1s", "61m", "30"}},
		"queue.size":          {good: []string{"0", "1000000"}, bad: []string{"-1", "1000001", ""}},
		"queue.timeout":       {good: []string{"1ms", "24h"}, bad: []string{"0s", "25h", "30"}},
		"rate-limit":          {good: []string{"off", "100/s", "100/1s", "20/15s", "6000/m", "1/h"}, bad: []string{"", "100", "0/s", "100/d", "100/ms", "/s", "-1/s", "100/s/s", "1000001/s"}},
		"rate-limit.burst":    {good: []string{"1", "1000000"}, bad: []string{"0", "-1", "1000001"}},
		"timeout.idle":        {good: []string{"100ms", "24h"}, bad: []string{"0s", "99ms", "60"}},
		"sticky":              {good: []string{"true", "false"}, bad: []string{"", "yes", "1"}},
		"sticky.ttl":          {good: []string{"1s", "720h"}, bad: []string{"0s", "60", "-1h", "forever"}},
		"sticky.cookie":       {good: []string{"srv"}, bad: []string{"", "a=b", "a;b", "a b", "ü"}},
		"health.path":         {good: []string{"/", "/health", "/a/b_c.d~e%20f"}, bad: []string{"", "health", "http://evil/", "//evil/", "/a b", "/a\r\nX: y", "/a?b", "/a#b", "/ü"}},
		"health.interval":     {good: []string{"10ms", "1m"}, bad: []string{"0s", "1ns", "10", "25h"}},
		"health.timeout":      {good: []string{"1ms"}, bad: []string{"0", "-1s"}},
		"health.status":       {good: []string{"200", "200-399"}, bad: []string{"", "399-200", "2xx", "99", "200-600", "200-"}},
		"health.max-latency":  {good: []string{"off", "100ms"}, bad: []string{"0s", "on"}},
		"health.fall":         {good: []string{"1"}, bad: []string{"0", "1001"}},
		"health.rise":         {good: []string{"1"}, bad: []string{"0", "-2"}},
		"concurrency":         {good: []string{"0", "20"}, bad: []string{"-1", "many"}},
		"timeout":             {good: []string{"30s"}, bad: []string{"0s", "30"}},
		"timeout.connect":     {good: []string{"2s"}, bad: []string{"0s", "2"}},
		"retries":             {good: []string{"0", "10"}, bad: []string{"-1", "11"}},
		"scale.min":           {good: []string{"0", "3"}, bad: []string{"-1", ""}},
		"scale.max":           {good: []string{"0", "3"}, bad: []string{"-1", "∞"}},
		"scale.template":      {good: []string{"true", "false"}, bad: []string{"web-a"}},
		"heal":                {good: []string{"true", "false", "restart"}, bad: []string{"", "yes"}},
		"scale.image":         {good: []string{"web", "localhost:5000/shop/web:1.4", "web@sha256:00ff"}, bad: []string{"", "a b", "-x"}},
		"scale.requests":      {good: []string{"20/15s", "20/m", "off"}, bad: []string{"20", "20/15", "0/15s", "20/0s", "20/2h", "/", "x/15s"}},
		"scale.rps":           {good: []string{"off", "1", "500"}, bad: []string{"0", "-1", "1.5", "10/s"}},
		"scale.latency":       {good: []string{"off", "1ms", "1h"}, bad: []string{"0s", "250", "2h"}},
		"scale.cpu":           {good: []string{"off", "1", "100"}, bad: []string{"0", "101", "70%"}},
		"scale.memory":        {good: []string{"off", "80"}, bad: []string{"0", "101", "1g"}},
		"scale.warm":          {good: []string{"0", "1000"}, bad: []string{"-1", "1001", "true"}},
		"scale.idle":          {good: []string{"100ms", "168h"}, bad: []string{"0s", "5", "169h"}},
		"scale.wait-page":     {good: []string{"true", "false"}, bad: []string{"", "html"}},
		"scale.ignore-agents": {good: []string{"kube-probe", "Googlebot, *Uptime*"}, bad: []string{"", "*", "a,,b", "a,**", strings.Repeat("a", 201)}},
		"scale.hold-down":     {good: []string{"15s"}, bad: []string{"0s", "15"}},
		"scale.dry-run":       {good: []string{"true"}, bad: []string{"maybe"}},
		"drain.timeout":       {good: []string{"30s"}, bad: []string{"0s", "soon"}},
		"clone":               {good: []string{"true"}, bad: []string{"1"}},
		"owner":               {good: []string{"lb-1"}, bad: []string{"", "a b"}},
		"template":            {good: []string{"web-a"}, bad: []string{"", "a b"}},
		"slot":                {good: []string{"1"}, bad: []string{"0", "x"}},
		"revision":            {good: []string{"0f3a9c5d7b21"}, bad: []string{"", "0f3a", "0F3A9C5D7B21", "sha256:0f3a9"}},
	}
	for _, l := range table {
		tt, ok := tests[l.name]
		if !ok {
			t.Errorf("no values tested for %s", l.name)
		}
		for _, value := range tt.good {
			if err := l.parse(value); err != nil {
				t.Errorf("%s=%q: %v", l.name, value, err)
			}
		}
		for _, value := range tt.bad {
			if l.parse(value) == nil {
				t.Errorf("%s=%q is taken", l.name, value)
			}
		}
	}
}

func TestParseLabels(t *testing.T) {
	with := func(change func(*labels)) labels {
		l := labels{pool: "default", weight: 1, scheme: "http"}
		change(&l)
		return l
	}
	tests := []struct {
		name string
		in   map[string]string
		want labels
	}{
		{"nothing set", map[string]string{"ballast.enable": "true", "other.weight": "x", "ballast": "y"}, with(func(*labels) {})},
		{
			"its own",
			map[string]string{"ballast.pool": "web", "ballast.weight": "0", "ballast.port": "81", "ballast.network": "n", "ballast.scale.template": "true"},
			with(func(l *labels) { l.pool, l.weight, l.port, l.network, l.template = "web", 0, 81, "n", true }),
		},
		{
			"settings stay text",
			map[string]string{"ballast.policy": "random", "ballast.scale.max": "3"},
			with(func(l *labels) { l.settings = map[string]string{"policy": "random", "scale.max": "3"} }),
		},
		{
			"a clone",
			map[string]string{"ballast.clone": "true", "ballast.owner": "lb", "ballast.template": "web-a", "ballast.slot": "2"},
			with(func(l *labels) {
				l.cloned, l.owner, l.origin, l.slot = true, "lb", "web-a", 2
				l.clone = &Clone{Owner: "lb", Template: "web-a", Slot: 2}
			}),
		},
		{
			"a clone of nobody",
			map[string]string{"ballast.clone": "true", "ballast.owner": "lb", "ballast.template": "web-a", "ballast.slot": "x"},
			with(func(l *labels) {
				l.cloned, l.owner, l.origin = true, "lb", "web-a"
				l.warnings = []string{
					`ballast.slot="x": must be a whole number from 1 to 1000000`,
					"ballast.clone=true without a good ballast.owner, ballast.template and ballast.slot: treated as nobody's clone",
				}
			}),
		},
		{
			"a clone's labels alone",
			map[string]string{"ballast.owner": "lb"},
			with(func(l *labels) {
				l.owner = "lb"
				l.warnings = []string{"labels of a clone have no effect without ballast.clone=true"}
			}),
		},
		{
			"unknown labels",
			map[string]string{"ballast.wieght": "2", "ballast.mirror": "a.example", "ballast.\n": ""},
			with(func(l *labels) {
				l.warnings = []string{
					`"ballast.\n" is not a label of this version`,
					"ballast.mirror is not a label of this version",
					"ballast.wieght is not a label of this version; did you mean ballast.weight?",
				}
			}),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseLabels("ballast", tt.in)
			if err != nil {
				t.Fatalf("parseLabels() error: %v", err)
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(labels{})); diff != "" {
				t.Errorf("parseLabels() differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseLabels_says_all_problems(t *testing.T) {
	_, err := parseLabels("lb.example", map[string]string{
		"lb.example.weight": "1000000", "lb.example.pool": "../x", "lb.example.port": "70000",
		"lb.example.health.path": "http://evil/", "lb.example.scheme": "ftp", "ballast.weight": "x",
		"lb.example.timeout":   strings.Repeat("9", 200),
		"lb.example.scale.min": "5", "lb.example.scale.max": "3",
	})
	want := []string{
		`lb.example.health.path="http://evil/": must be a plain path such as "/health": no host, query, fragment, space or control character`,
		`lb.example.pool="../x": must be 1 to 63 of a-z, 0-9 and '-', not beginning with '-'`,
		`lb.example.port="70000": must be a whole number from 1 to 65535`,
		`lb.example.scheme="ftp": must be http, https or h2c`,
		`lb.example.timeout="` + strings.Repeat("9", 80) + `"… (200 bytes): must be a time from 1ms to 24h0m0s with its unit, such as "500ms", "10s" or "1m"`,
		`lb.example.weight="1000000": must be a whole number from 0 to 256`,
		`lb.example.scale.min=5: must not be above lb.example.scale.max=3`,
	}
	if diff := cmp.Diff(want, lines(err)); diff != "" {
		t.Errorf("problems differ (-want +got):\n%s", diff)
	}
}

func TestPoolConfig_Validate(t *testing.T) {
	good := PoolConfig{"web": {"policy": "random", "scale.min": "2", "scale.max": "4"}, "api": {}}
	if err := good.Validate(); err != nil {
		t.Errorf("Validate() of a good one: %v", err)
	}
	bad := PoolConfig{
		"web":   {"policy": "magic", "host": "a:80", "weight": "3", "polcy": "random", "scale.min": "5", "scale.max": "4", "wieght": "1"},
		"Api/x": {"retries": "99"},
	}
	want := []string{
		"pools.Api/x: a pool's name must be 1 to 63 of a-z, 0-9 and '-', not beginning with '-'",
		`pools.Api/x.retries="99": must be a whole number from 0 to 10`,
		`pools.web.host="a:80": must be a host alone: remove the port, routes match any`,
		"pools.web.polcy is not a setting of this version; did you mean pools.web.policy?",
		`pools.web.policy="magic": must be one of weighted, round-robin, random, least-request, peak-ewma, ip-hash, maglev`,
		"pools.web.weight: is a label of containers, not a setting of pools",
		"pools.web.wieght is not a setting of this version",
		"pools.web.scale.min=5: must not be above pools.web.scale.max=4",
	}
	if diff := cmp.Diff(want, lines(bad.Validate())); diff != "" {
		t.Errorf("problems differ (-want +got):\n%s", diff)
	}
}

func TestParsePrefix(t *testing.T) {
	for _, good := range []string{"ballast", "com.example.lb", "b", "lb-1"} {
		if p, err := ParsePrefix(good); err != nil || string(p) != good {
			t.Errorf("ParsePrefix(%q) = %q, %v", good, p, err)
		}
	}
	for _, bad := range []string{"", "ballast.", ".b", "Ballast", "a b", strings.Repeat("a", 64)} {
		if _, err := ParsePrefix(bad); err == nil {
			t.Errorf("ParsePrefix(%q) is taken", bad)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{{"", "abc", 3}, {"abc", "abc", 0}, {"wieght", "weight", 1}, {"polcy", "policy", 1}, {"host", "port", 2}, {"kitten", "sitting", 3}} {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}

func FuzzParseLabels(f *testing.F) {
	for _, l := range table {
		f.Add("ballast."+l.name, l.initial)
		f.Add("ballast."+l.name, l.example)
	}
	for _, value := range []string{"1000000", "../x", "70000", "http://evil/", "\r\n", "\xff", "-", "20/15s", "9223372036854775807ns", strings.Repeat("9", 300)} {
		f.Add("ballast.weight", value)
		f.Add("ballast.health.path", value)
		f.Add("ballast.host", value)
		f.Add("ballast.path", value)
		f.Add("ballast.hash", value)
		f.Add("ballast."+value, "")
	}
	for _, value := range []string{"B.,a, *.A.example", "[::FFFF:1.2.3.4]", "10.0.0.1:80", "\u212a.example", "*.", ".", "1.2.3"} {
		f.Add("ballast.host", value)
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		l, err := parseLabels("ballast", map[string]string{"ballast.enable": "true", key: value})
		if err != nil {
			return
		}
		if !poolPattern.MatchString(l.pool) || l.weight < 0 || l.weight > 256 || l.port < 0 || l.port > 65535 || !slices.Contains([]string{SchemeHTTP, SchemeHTTPS, SchemeH2C}, l.scheme) {
			t.Errorf("%q=%q gives %+v", key, value, l)
		}
		for name, value := range l.settings {
			s := defaultSettings
			if err := byName[name].setting(&s, value); err != nil {
				t.Errorf("%s=%q was taken and does not parse: %v", name, value, err)
			}
			if h := s.Health; h.Interval <= 0 || h.Timeout <= 0 || h.StatusMin > h.StatusMax || h.Fall < 1 || h.Rise < 1 || strings.ContainsAny(h.Path, "\r\n ?#") {
				t.Errorf("%s=%q gives a check %+v", name, value, h)
			}
			if s.Concurrency < 0 || s.Timeout <= 0 || s.ConnectTimeout <= 0 || s.Retries < 0 || s.DrainTimeout <= 0 || s.Scale.Min < 0 || s.Scale.Max < 0 || s.Scale.HoldDown <= 0 {
				t.Errorf("%s=%q gives %+v", name, value, s)
			}
			checkTraffic(t, s)
		}
	})
}

// checkTraffic looks at what parsed of the settings that route and limit requests. Hosts and paths are
// kept as they would be read again.
func checkTraffic(t *testing.T, s Settings) {
	t.Helper()
	again := s
	if s.Route.Hosts != "" && (parseHosts(&again, s.Route.Hosts) != nil || strings.ToLower(s.Route.Hosts) != s.Route.Hosts) {
		t.Errorf("hosts %q are not as they would be read again", s.Route.Hosts)
	}
	if s.Route.Path != "" && parsePath(&again, s.Route.Path) != nil {
		t.Errorf("path %q is not taken again", s.Route.Path)
	}
	if again != s {
		t.Errorf("route %+v is read again as %+v", s.Route, again.Route)
	}
	if strings.ContainsAny(s.Route.Hosts+s.Route.Path+s.Hash.Name, "\r\n ?#") || s.Hash.Source == "" {
		t.Errorf("route %+v, hash %+v", s.Route, s.Hash)
	}
	if s.Queue.Size < 0 || s.Queue.Timeout <= 0 || s.IdleTimeout <= 0 || s.Breaker < 0 || s.SlowStart < 0 ||
		s.RateLimit.Burst < 0 || (s.RateLimit.Rate.Count == 0) != (s.RateLimit.Rate.Interval == 0) {
		t.Errorf("queue %+v, idle %v, breaker %d, slow start %v, limit %+v", s.Queue, s.IdleTimeout, s.Breaker, s.SlowStart, s.RateLimit)
	}
}

func lines(err error) []string {
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) {
		return nil
	}
	var all []string
	for _, e := range joined.Unwrap() {
		all = append(all, e.Error())
	}
	return all
}
