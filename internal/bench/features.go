package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
)

// The routes of a Ballast with all features: as many hosts, each with as many paths.
const (
	routeHosts = 1000
	routePaths = 10
)

// servedPool is the pool that has the backends. The other pools are there for their routes.
const servedPool = "default"

// servedHost and servedPath are what is asked for; see routeHost and routePath.
const (
	servedHost  = "shop-501.eu.example.com"
	servedRoute = 7
)

// routeHost is every tenth time a wildcard.
func routeHost(i int) string {
	host := fmt.Sprintf("shop-%03d.eu.example.com", i)
	if i%10 == 0 {
		host = "*." + host
	}
	return host
}

func routePath(i int) string {
	return "/" + strings.Repeat("api/", i%4) + fmt.Sprintf("service-%d", i)
}

// routePool is the pool of a path, on all hosts: a pool has one path.
func routePool(i int) string {
	if i == servedRoute {
		return servedPool
	}
	return fmt.Sprintf("route-%d", i)
}

// barePlan has the wire and a pool, and nothing that may be left out.
func barePlan() ballastPlan {
	return ballastPlan{
		routed: true, path: routePath(servedRoute), headers: []string{"Host: " + servedHost},
		flags: []string{"--request-id=false"},
		pools: poolSettings{servedPool: {"policy": "weighted", "retries": "0", "breaker": "0"}},
	}
}

// fullPlan has every feature on, with limits that the load does not reach: what is measured is what they cost
// who is not refused. All requests are of one client, so its rate limit is the whole load's. Clients are not among
// the trusted.
func fullPlan(policy string) ballastPlan { return fullPlanTrusting(policy, "10.99.0.0/16,192.0.2.7") }

func fullPlanTrusting(policy, trusted string) ballastPlan {
	p := barePlan()
	p.flags = []string{
		"--request-id=true", "--trusted-proxies", trusted,
		"--access-log", "DIR/access.log", "--access-log.sample", "0.01",
	}
	hosts := make([]string, routeHosts)
	for i := range hosts {
		hosts[i] = routeHost(i)
	}
	p.pools = poolSettings{}
	for i := range routePaths {
		p.pools[routePool(i)] = map[string]string{"host": strings.Join(hosts, ","), "path": routePath(i)}
	}
	maps.Copy(p.pools[servedPool], map[string]string{
		"policy": policy, "breaker": "5", "concurrency": "1000", "rate-limit": "1000000/s", "rate-limit.burst": "1000000",
		"retries": "1", "slow-start": "10s", "timeout.idle": "60s", "sticky": "false",
	})
	return p
}

// trustingPlan is fullPlan where the client is a trusted proxy, which tells whom the request is from.
func trustingPlan() ballastPlan {
	p := fullPlanTrusting("peak-ewma", "10.99.0.0/16,127.0.0.0/8")
	p.headers = append(p.headers, "X-Forwarded-For: 203.0.113.7, 127.0.0.9")
	return p
}

// measureFeatures is measureLoad with pools for the routes. A pool is there when a container says so; that must
// not run.
func (b *bench) measureFeatures(ctx context.Context, sc scenario) (results []result, err error) {
	var u undo
	// Containers must go whatever happened to ctx.
	defer func() { err = errors.Join(err, u.run(context.WithoutCancel(ctx))) }()
	for i := range routePaths {
		if routePool(i) == servedPool {
			continue
		}
		if err := b.origins.addPool(ctx, &u, routePool(i)); err != nil {
			return nil, err
		}
	}
	return b.measureLoad(ctx, sc)
}
