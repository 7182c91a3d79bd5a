package containers

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ballast-lb/ballast/engine"
)

// Vet says why no clones can be made of a container, each reason with its remedy; nil if they can. A
// copy must neither clash with the original, as a second owner of a port, an address or a file
// would, nor be given what only a person should give.
func Vet(c engine.Container) error {
	var problems []error
	add := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }

	for _, p := range c.Ports {
		if p.HostPort != 0 {
			add("port %d/%s is published as %d, which only one container can have: publish no port, Ballast reaches it over a network",
				p.Number, p.Protocol, p.HostPort)
		}
	}
	for _, n := range c.Networks {
		if n.Fixed {
			add("its address in network %s is fixed, and only one container can have it: let the engine hand out addresses", n.Name)
		}
	}
	g := c.Grants
	switch {
	case g.NetworkMode != "":
		add("its network is %q: attach it to a network of its own, such as one made by `docker network create`", g.NetworkMode)
	case c.HostNetwork:
		add("it shares the host's network: attach it to a network of its own, such as one made by `docker network create`")
	}
	if g.Privileged {
		add("it is privileged: run it without --privileged")
	}
	for _, list := range []struct {
		what, remedy string
		items        []string
	}{
		{"it shares namespaces", "give it its own", g.Namespaces},
		{"it has devices", "run it without --device and --gpus", g.Devices},
		{"it has added capabilities", "run it without --cap-add", g.Capabilities},
		{"it has mounts", "keep its data elsewhere, such as in a database, or in --tmpfs", g.Mounts},
		{"its confinement is loosened", "run it without these --security-opt", g.Security},
	} {
		if len(list.items) > 0 {
			add("%s (%s): %s", list.what, strings.Join(list.items, ", "), list.remedy)
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return fmt.Errorf("container %s can't be cloned: %w", c.Name, errors.Join(problems...))
}
