package proxy

import (
	"fmt"
	"maps"
	"slices"

	"github.com/ballast-lb/ballast/proxy/route"
)

// Target is where a request goes: a pool, and how much is stripped from the front of the path.
type Target struct {
	Pool  *Pool
	Strip int
}

// catchAll is the pool that takes what no route is for, unless it has routes itself.
const catchAll = "default"

// Route finds the pool for a host, as the client wrote it, and a path. It takes no lock and keeps nothing.
func (c *Core) Route(host, path []byte) (Target, bool) { return c.routes.Load().Lookup(host, path) }

// Hosts are those that the pools' settings name, as they are written and maybe several times; also of pools that are
// remembered because their last backend left.
func (c *Core) Hosts() (hosts []string) {
	for _, p := range *c.pools.Load() {
		hosts = append(hosts, p.view.Load().settings.Route.HostList()...)
	}
	return hosts
}

// rules are the routes that a pool's settings ask for.
func (p *Pool) rules() []route.Rule[Target] {
	r := p.settings.Route
	if r.Hosts == "" && r.Path == "" && p.name != catchAll {
		return nil
	}
	path, target := "/", Target{Pool: p}
	if r.Path != "" && r.Path != "/" {
		path = r.Path
		if r.Strip {
			target.Strip = len(path)
		}
	}
	hosts := r.HostList()
	if len(hosts) == 0 {
		hosts = []string{""}
	}
	rules := make([]route.Rule[Target], 0, len(hosts))
	for _, host := range hosts {
		rules = append(rules, route.Rule[Target]{Owner: p.name, Host: host, Path: path, Value: target})
	}
	return rules
}

// reroute returns the table of the pools' routes, and warns those that want the same. c.mu must be held.
func (c *Core) reroute(pools map[string]*Pool, after *aftermath) *route.Table[Target] {
	var rules, absent []route.Rule[Target]
	for _, name := range slices.Sorted(maps.Keys(pools)) {
		if p := pools[name]; p.absent {
			absent = append(absent, p.rules()...)
		} else {
			rules = append(rules, p.rules()...)
		}
	}
	table, conflicts := route.Build(append(rules, unasked(rules, absent)...), c.routes.Load())
	for _, p := range pools {
		p.routes = p.routes[:0:0]
	}
	for r := range table.Rules() {
		p := r.Value.Pool
		p.routes = append(p.routes, Route{Host: r.Host, Path: r.Path, Strip: r.Value.Strip > 0})
	}
	known := c.conflicts
	c.conflicts = make(map[route.Conflict]bool, len(conflicts))
	for _, k := range conflicts {
		c.conflicts[k] = true
		if !known[k] {
			after.refused = append(after.refused, k)
		}
		warning := fmt.Sprintf("route %s is that of pool %s and is asked for by pool %s as well, which does not get it: change the host or path of one",
			Route{Host: k.Host, Path: k.Path}, k.Holder, k.Refused)
		for _, name := range []string{k.Holder, k.Refused} {
			if p := pools[name]; p != nil && !slices.Contains(p.warnings, warning) {
				p.warnings = append(slices.Clip(p.warnings), warning)
			}
		}
	}
	return table
}

// Route is what leads to a pool.
type Route struct {
	// Host is empty if any will do, and may begin with "*.".
	Host, Path string
	// Strip says that the path is removed before a request is forwarded.
	Strip bool
}

// String is the route as people write it.
func (r Route) String() string {
	if r.Host == "" {
		return "*" + r.Path
	}
	return r.Host + r.Path
}
