package main

import (
	"fmt"
	"slices"
	"strings"
)

// The names of what is measured. Direct is one backend without a balancer: what load and backend
// manage by themselves.
const (
	direct        = "direct"
	ballast       = "Ballast"
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
	// idle opens the connections, serves one request on each, and measures what they hold.
	idle bool
	// subjects are measured in turns.
	subjects []string
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
		name: "idle", about: "idle connections", connections: 10_000, bytes: 126, idle: true,
		subjects: []string{ballast, haproxy, nginx},
	},
}

// metrics are what the scenario's table shows.
func (s scenario) metrics() []metric {
	if s.idle {
		return []metric{rss}
	}
	return []metric{perSecond, cpu, busy, p50, p99}
}

// String describes the scenario.
func (s scenario) String() string {
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
