package proxy_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
)

// A conflict is logged when it comes up, and not with each snapshot that still has it.
func TestCore_logs_a_refused_route_once(t *testing.T) {
	var out bytes.Buffer
	c := proxy.New(proxy.Options{Logger: zerolog.New(&out)})
	pool := func(name, host string) *containers.Pool {
		s := settings()
		s.Route = containers.Route{Hosts: host}
		return &containers.Pool{Name: name, Settings: s}
	}
	refusals := func() int { return strings.Count(out.String(), "route refused") }
	both := &containers.Snapshot{Pools: []*containers.Pool{pool("a", "shop.example"), pool("b", "shop.example")}}
	c.Apply(both)
	c.Apply(both)
	if got := refusals(); got != 1 || !strings.Contains(out.String(), `"pool":"b","holder":"a","route":"shop.example/"`) {
		t.Errorf("logged %d times, want once with both names:\n%s", got, out.String())
	}
	c.Apply(&containers.Snapshot{Pools: []*containers.Pool{pool("a", "shop.example"), pool("b", "other.example")}})
	c.Apply(both)
	if got := refusals(); got != 2 {
		t.Errorf("logged %d times, want again when it comes up again", got)
	}
}
