package docker

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"

	"github.com/ballast-lb/ballast/engine"
)

const (
	defaultStopTimeout = 10 * time.Second
	// endlessStopTimeout stands for a container that the engine would never kill.
	endlessStopTimeout = 24 * time.Hour
	// healthOutputLimit is in characters.
	healthOutputLimit = 200
)

// Inspect returns one container whole.
func (e *Engine) Inspect(ctx context.Context, id string) (engine.Container, error) {
	c, err := e.inspect(ctx, id)
	if err != nil {
		return engine.Container{}, err
	}
	return toContainer(c), nil
}

// inspect returns Docker's own answer, of which no part is nil.
func (e *Engine) inspect(ctx context.Context, id string) (container.InspectResponse, error) {
	c, err := call(ctx, e.limits.call, "inspect container "+id, func(ctx context.Context) (container.InspectResponse, error) {
		return e.conn.Load().ContainerInspect(ctx, id)
	})
	return whole(c), err
}

// whole fills in the parts that an engine left out of its answer.
func whole(c container.InspectResponse) container.InspectResponse {
	if c.ContainerJSONBase == nil {
		c.ContainerJSONBase = &container.ContainerJSONBase{}
	}
	if c.State == nil {
		c.State = &container.State{}
	}
	if c.HostConfig == nil {
		c.HostConfig = &container.HostConfig{}
	}
	if c.Config == nil {
		c.Config = &container.Config{}
	}
	if c.NetworkSettings == nil {
		c.NetworkSettings = &container.NetworkSettings{}
	}
	return c
}

func toContainer(c container.InspectResponse) engine.Container {
	health, output := toHealth(c.State.Health)
	result := engine.Container{
		Summary: engine.Summary{
			ID:      c.ID,
			Name:    strings.TrimPrefix(c.Name, "/"),
			Image:   c.Config.Image,
			ImageID: c.Image,
			Labels:  c.Config.Labels,
			State:   engine.State(c.State.Status),
		},
		StartedAt:    toTime(c.State.StartedAt),
		FinishedAt:   toTime(c.State.FinishedAt),
		ExitCode:     c.State.ExitCode,
		Health:       health,
		HealthOutput: output,
		StopSignal:   signalNumber(c.Config.StopSignal),
		StopTimeout:  stopTimeout(c.Config.StopTimeout),
		Networks:     toNetworks(c.NetworkSettings.Networks),
		HostNetwork:  c.HostConfig.NetworkMode == "host",
		Ports:        toPorts(c.Config.ExposedPorts, c.HostConfig.PortBindings, c.NetworkSettings.Ports),
		Grants:       toGrants(c),
		ConfigHash:   configHash(c),
	}
	if result.FinishedAt.IsZero() {
		result.ExitCode = 0
	}
	return result
}

// toTime parses a time of Docker's, which writes year 1 for never.
func toTime(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || t.Year() <= 1 {
		return time.Time{}
	}
	return t
}

func toHealth(h *container.Health) (engine.Health, string) {
	if h == nil || h.Status == container.NoHealthcheck {
		return engine.HealthNone, ""
	}
	output := ""
	if n := len(h.Log); n > 0 && h.Log[n-1] != nil {
		output = trim(h.Log[n-1].Output)
	}
	return engine.Health(h.Status), output
}

// trim cuts a program's output down to what fits into a line of a page.
func trim(s string) string {
	s = strings.TrimSpace(strings.ToValidUTF8(s, "\uFFFD"))
	if runes := []rune(s); len(runes) > healthOutputLimit {
		return string(runes[:healthOutputLimit-1]) + "…"
	}
	return s
}

func stopTimeout(seconds *int) time.Duration {
	switch {
	case seconds == nil:
		return defaultStopTimeout
	case *seconds < 0:
		return endlessStopTimeout
	}
	return time.Duration(*seconds) * time.Second
}

func toNetworks(endpoints map[string]*network.EndpointSettings) []engine.Network {
	var networks []engine.Network
	for name, endpoint := range endpoints {
		if endpoint == nil {
			endpoint = &network.EndpointSettings{}
		}
		fixed := endpoint.IPAMConfig
		networks = append(networks, engine.Network{
			ID:      endpoint.NetworkID,
			Name:    name,
			Address: cmp.Or(endpoint.IPAddress, endpoint.GlobalIPv6Address),
			Fixed:   fixed != nil && (fixed.IPv4Address != "" || fixed.IPv6Address != ""),
		})
	}
	slices.SortFunc(networks, func(a, b engine.Network) int { return strings.Compare(a.Name, b.Name) })
	return networks
}
