package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// The names of what is measured. Direct is one backend without a balancer: what load and backend
// manage by themselves. The plans of features.go and slow.go say how the Ballasts differ.
const (
	direct          = "direct"
	ballast         = "Ballast"
	ballastBare     = "Ballast bare"
	ballastFull     = "Ballast full"
	ballastTrusting = "Ballast full, trusting"
	ballastLeast    = "Ballast full, least-request"
	ballastPeakEWMA = "Ballast peak-ewma"
	ballastWeighted = "Ballast weighted"

	haproxy       = "HAProxy"
	haproxySplice = "HAProxy splice"
	nginx         = "nginx"
	reverseProxy  = "ReverseProxy"
)

// scenario is a kind of load, and who is put under it.
type scenario struct {
	name, about string
	connections int
	// bytes is the length of each answer's body.
	bytes int
	// closes makes a new connection for every request.
	closes bool
	// secure is HTTPS, streams how many requests of HTTP/2 are under way at a time on each connection; 0 is HTTP/1.1.
	secure  bool
	streams int
	// rate is how many requests begin per second, however long the answers take; 0 is one per connection at a time.
	rate int
	// builtin is load by this program, even where wrk is installed.
	builtin bool
	// subjects are measured in turns.
	subjects []string
	// shows are the metrics, those of load if nil.
	shows []metric
	// measure is measureLoad if nil.
	measure func(*bench, context.Context, scenario) ([]result, error)
}

// scenarios are all there are, in the order of measuring.
var scenarios = []scenario{
	{
		name: "small", about: "small answers", connections: 64, bytes: 126,
		subjects: []string{direct, ballast, haproxy, nginx, reverseProxy},
	},
	{
		name: "small-1000", about: "small answers, many connections", connections: 1000, bytes: 126,
		subjects: []string{direct, ballast, haproxy, nginx},
	},
	{
		name: "10k", about: "10 KB answers", connections: 64, bytes: 10 << 10,
		subjects: []string{direct, ballast, haproxy, nginx},
	},
	{
		name: "1m", about: "1 MB answers", connections: 16, bytes: 1 << 20,
		subjects: []string{direct, ballast, haproxySplice, haproxy, nginx},
	},
	{
		name: "connect", about: "a new connection per request", connections: 64, bytes: 126, closes: true,
		subjects: []string{direct, ballast, haproxy, nginx},
	},
	{
		name: "idle", about: "idle connections", connections: 10_000, bytes: 126,
		subjects: []string{ballast, haproxy, nginx}, shows: []metric{rss}, measure: (*bench).measureIdle,
	},
	{
		name: "features", about: "small answers, with next to nothing configured and with all there is", connections: 64, bytes: 126,
		subjects: []string{ballastBare, ballastFull, ballastTrusting, ballastLeast}, measure: (*bench).measureFeatures,
	},
	{
		name: "tls", about: "HTTPS, small answers", connections: 64, bytes: 126, secure: true,
		subjects: []string{ballast, haproxy, nginx},
	},
	{
		// wrk would resume sessions where the balancer says good-bye properly, and not elsewhere.
		name: "tls-connect", about: "HTTPS, a new connection with a whole handshake per request", connections: 64, bytes: 126,
		secure: true, closes: true, builtin: true, subjects: []string{ballast, haproxy, nginx},
	},
	{
		name: "h2", about: "HTTP/2 by TLS, 100 streams per connection, small answers", connections: 4, bytes: 126,
		secure: true, streams: 100, subjects: []string{ballast, haproxy, nginx}, measure: (*bench).measureHTTP2,
	},
	{
		name: "slow-backend", about: fmt.Sprintf("%d requests/s, 1 of %d backends takes %s", slowRate, slowBackends, slowLatency),
		connections: 400, bytes: 126, rate: slowRate, subjects: []string{ballastPeakEWMA, ballastWeighted},
		shows: []metric{perSecond, slowShare, cpu, p50, p99}, measure: (*bench).measureSlow,
	},
	{
		name: "routes", about: "finding the pool of a host and path, 1,000 hosts with 10 paths each",
		subjects: lookupCases(), shows: []metric{lookup}, measure: (*bench).measureLookups,
	},
}

// metrics are what the scenario's table shows.
func (s scenario) metrics() []metric {
	if s.shows != nil {
		return s.shows
	}
	return []metric{perSecond, cpu, busy, p50, p99}
}

// String describes the scenario.
func (s scenario) String() string {
	if s.connections == 0 {
		return s.name + ": " + s.about
	}
	return fmt.Sprintf("%s: %s (%d connections, %d-byte bodies)", s.name, s.about, s.connections, s.bytes)
}

// choose returns the scenarios of a comma-separated list of names, all for an empty one.
func choose(list string) ([]scenario, error) {
	if list == "" {
		return scenarios, nil
	}
	names := strings.Split(list, ",")
	var chosen []scenario
	for _, s := range scenarios {
		if slices.Contains(names, s.name) {
			chosen = append(chosen, s)
			names = slices.DeleteFunc(names, func(name string) bool { return name == s.name })
		}
	}
	if len(names) > 0 {
		return nil, fmt.Errorf("no scenario %q; there are %s", names[0], strings.Join(scenarioNames(), ", "))
	}
	return chosen, nil
}

func scenarioNames() []string {
	var names []string
	for _, s := range scenarios {
		names = append(names, s.name)
	}
	return names
}
