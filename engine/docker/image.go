package docker

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/go-connections/nat"

	"github.com/ballast-lb/ballast/engine"
)

// chooseImage sets the image of a new container: the one asked for, or the template's.
func (e *Engine) chooseImage(ctx context.Context, config *container.Config, template container.InspectResponse, asked string) error {
	if asked == "" || asked == template.Config.Image {
		var err error
		config.Image, err = e.sameImage(ctx, template)
		return err
	}
	// An inspection shows the image's defaults and the container's own settings as one. The
	// former must give way to the defaults of the other image.
	old, err := e.inspectImage(ctx, template.Image)
	if err != nil {
		return err
	}
	dropDefaults(config, old)
	config.Image = asked
	return nil
}

// sameImage returns a reference to the very image that the template runs. That is the one it was
// created from, unless that tag was moved or removed since; then only the image's ID will do.
func (e *Engine) sameImage(ctx context.Context, template container.InspectResponse) (string, error) {
	reference := template.Config.Image
	found, err := e.inspectImage(ctx, reference)
	switch {
	case err == nil && found.ID == template.Image, template.Image == "",
		// A proxy in front of the socket may not let images be asked for.
		cerrdefs.IsPermissionDenied(err):
		return reference, nil
	case err == nil, errors.Is(err, engine.ErrNotFound):
		return template.Image, nil
	}
	return "", err
}

func (e *Engine) inspectImage(ctx context.Context, reference string) (image.InspectResponse, error) {
	return call(ctx, e.limits.call, "inspect image "+reference, func(ctx context.Context) (image.InspectResponse, error) {
		return e.conn.Load().ImageInspect(ctx, reference)
	})
}

// dropDefaults removes from a container's configuration what it has from its image.
func dropDefaults(config *container.Config, from image.InspectResponse) {
	if from.Config == nil {
		return
	}
	defaults := from.Config
	// A container's own entrypoint does away with the image's command too, so the command is the
	// image's only if the entrypoint is.
	if slices.Equal(config.Entrypoint, defaults.Entrypoint) {
		config.Entrypoint = nil
		if slices.Equal(config.Cmd, defaults.Cmd) {
			config.Cmd = nil
		}
	}
	config.Env = slices.DeleteFunc(slices.Clone(config.Env), func(v string) bool {
		return slices.Contains(defaults.Env, v)
	})
	config.ExposedPorts = maps.Clone(config.ExposedPorts)
	maps.DeleteFunc(config.ExposedPorts, func(p nat.Port, _ struct{}) bool {
		_, ok := defaults.ExposedPorts[string(p)]
		return ok
	})
	config.Volumes = maps.Clone(config.Volumes)
	maps.DeleteFunc(config.Volumes, func(path string, _ struct{}) bool {
		_, ok := defaults.Volumes[path]
		return ok
	})
	if config.User == defaults.User {
		config.User = ""
	}
	if config.WorkingDir == defaults.WorkingDir {
		config.WorkingDir = ""
	}
	if config.StopSignal == defaults.StopSignal {
		config.StopSignal = ""
	}
	if reflect.DeepEqual(config.Healthcheck, defaults.Healthcheck) {
		config.Healthcheck = nil
	}
	if slices.Equal(config.Shell, defaults.Shell) {
		config.Shell = nil
	}
}
