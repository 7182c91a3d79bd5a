package docker

import (
	"context"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"

	"github.com/ballast-lb/ballast/engine"
)

// Create makes a container like its template, not started. The image's own labels are on it too,
// besides those of the spec: Docker adds them.
func (e *Engine) Create(ctx context.Context, spec engine.Spec) (string, error) {
	template, err := e.inspect(ctx, spec.Template)
	if err != nil {
		return "", err
	}
	config := cloneConfig(template.Config, spec.Labels)
	if err := e.chooseImage(ctx, config, template, spec.Image); err != nil {
		return "", err
	}
	first, others := cloneNetworks(template)
	host := cloneHost(template.HostConfig)
	host.NetworkMode = first.mode

	id, err := call(ctx, e.limits.call, "create container "+spec.Name, func(ctx context.Context) (string, error) {
		created, err := e.conn.Load().ContainerCreate(ctx, config, host, first.config(), nil, spec.Name)
		return created.ID, err
	})
	if err != nil {
		return "", err
	}
	for _, n := range others {
		if err := e.connectNetwork(ctx, id, n); err != nil {
			// A container that lacks a network is not what was asked for, and nobody knows it yet.
			_ = e.Remove(context.WithoutCancel(ctx), id, true)
			return "", err
		}
	}
	return id, nil
}

func (e *Engine) connectNetwork(ctx context.Context, id string, n attachment) error {
	return do(ctx, e.limits.call, "connect container "+id+" to network "+n.name, func(ctx context.Context) error {
		return e.conn.Load().NetworkConnect(ctx, n.name, id, n.endpoint)
	})
}

// attachment is a network that a new container is to have.
type attachment struct {
	// mode is what the first network is asked for by; name is empty if there is nothing more to say.
	mode     container.NetworkMode
	name     string
	endpoint *network.EndpointSettings
}

func (a attachment) config() *network.NetworkingConfig {
	if a.name == "" {
		return nil
	}
	return &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{a.name: a.endpoint}}
}

// cloneNetworks returns the networks of the template: the one to create with, since Docker before
// API 1.44 takes no more, and those to connect afterwards. Aliases and addresses are the original's alone.
func cloneNetworks(template container.InspectResponse) (first attachment, others []attachment) {
	mode := template.HostConfig.NetworkMode
	first.mode = mode
	if grantedNetwork(mode) != "" {
		return first, nil
	}
	found := false
	for _, n := range toNetworks(template.NetworkSettings.Networks) {
		original := template.NetworkSettings.Networks[n.Name]
		a := attachment{mode: container.NetworkMode(n.Name), name: n.Name, endpoint: cloneEndpoint(original)}
		isMode := n.Name == string(mode) || n.ID == string(mode) || n.Name == "bridge" && (mode == "default" || mode == "")
		if !found && isMode {
			found = true
			first = a
			continue
		}
		others = append(others, a)
	}
	// The original may have left the network that it was created with.
	if !found && len(others) > 0 {
		return others[0], others[1:]
	}
	return first, others
}

func cloneEndpoint(original *network.EndpointSettings) *network.EndpointSettings {
	if original == nil {
		return &network.EndpointSettings{}
	}
	return &network.EndpointSettings{
		Links:      original.Links,
		DriverOpts: original.DriverOpts,
		GwPriority: original.GwPriority,
	}
}
