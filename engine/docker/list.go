package docker

import (
	"context"
	"strings"

	"github.com/docker/docker/api/types/container"

	"github.com/ballast-lb/ballast/engine"
)

// List returns all containers, stopped ones too.
func (e *Engine) List(ctx context.Context) ([]engine.Summary, error) {
	found, err := call(ctx, e.limits.list, "list containers", func(ctx context.Context) ([]container.Summary, error) {
		return e.conn.Load().ContainerList(ctx, container.ListOptions{All: true})
	})
	if err != nil {
		return nil, err
	}
	summaries := make([]engine.Summary, len(found))
	for i, c := range found {
		summaries[i] = engine.Summary{
			ID:      c.ID,
			Name:    ownName(c.Names),
			Image:   c.Image,
			ImageID: c.ImageID,
			Labels:  c.Labels,
			State:   engine.State(c.State),
		}
	}
	return summaries, nil
}

// ownName picks the container's name from those that Docker lists: "/web", and "/other/alias" for
// every legacy link of another container to it.
func ownName(names []string) string {
	for _, name := range names {
		name = strings.TrimPrefix(name, "/")
		if !strings.Contains(name, "/") {
			return name
		}
	}
	return ""
}
