package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/engine"
	"github.com/ballast-lb/ballast/engine/docker"
	"github.com/ballast-lb/ballast/engine/embedded"
	"github.com/ballast-lb/ballast/internal/config"
	"github.com/ballast-lb/ballast/internal/mockbackend"
)

// remindEvery is the time between two lines of log that say that the engine is still waited for.
const remindEvery = time.Minute

// openEngine opens the configured engine, which need not answer yet.
func openEngine(c config.Config) (e engine.Engine, self string, err error) {
	if c.Engine == config.EngineEmbedded {
		e, err := demoEngine(c.LabelsPrefix)
		return e, "", err
	}
	d, err := docker.New(docker.Options{Host: c.DockerHost})
	if err != nil {
		return nil, "", fmt.Errorf("docker.host: %w: set --docker.host or DOCKER_HOST to the engine's address, "+
			"and for TLS DOCKER_CERT_PATH to the directory of its certificates", err)
	}
	return d, docker.SelfID(), nil
}

// greet makes sure that the engine answers, or may do so yet. Who takes over from a Ballast that knows its containers must
// know them as well, so for that one it must answer.
func (a *App) greet(ctx context.Context, e engine.Engine) error {
	_, err := e.Info(ctx)
	if err == nil {
		return nil
	}
	failed := fmt.Errorf("no Docker Engine to work with: %w: start it, set --docker.host "+
		"or DOCKER_HOST, see that this user may use its socket, or try ballast demo", err)
	if a.taken != nil || !docker.Mends(err) {
		return failed
	}
	a.log.Error().Err(failed).Msg("waiting for the engine")
	return nil
}

// await reminds of an engine that has not listed its containers yet, until it has.
func (a *App) await(ctx context.Context) error {
	ticker := time.NewTicker(remindEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-a.reconciler.Synced():
			return nil
		case <-ticker.C:
			a.log.Error().Str("reason", a.reconciler.Status().Error).Msg("still waiting for the engine")
		}
	}
}

// mockName is the image of the demo's containers.
const mockName = "mock-backend"

// demoEngine is the embedded engine with three mock backends of weights 3, 2 and 1 in a pool that scales.
func demoEngine(prefix containers.Prefix) (engine.Engine, error) {
	e := embedded.New(embedded.Options{Images: map[string]embedded.Image{mockName: mockImage(prefix)}})
	env := map[string]string{mockbackend.EnvLatency: "50ms", mockbackend.EnvSlots: "4"}
	for i, name := range []string{"web-a", "web-b", "web-c"} {
		labels := map[string]string{}
		for label, value := range map[string]string{
			"enable": "true", "weight": strconv.Itoa(3 - i), "health.path": "/health", "health.interval": "2s",
			"concurrency": "4", "scale.max": "8", "scale.hold-down": "15s",
		} {
			labels[prefix.Key(label)] = value
		}
		if _, err := e.Run(name, mockName, labels, embedded.WithEnv(env)); err != nil {
			return nil, errors.Join(fmt.Errorf("run %s: %w", name, err), e.Close())
		}
	}
	return e, nil
}

// mockImage runs the mock backend in this process. Unlike a process in a container it can read its
// own labels.
func mockImage(prefix containers.Prefix) embedded.Image {
	return func(in embedded.Instance) (http.Handler, error) {
		o, err := mockbackend.OptionsFromEnv(func(key string) string { return in.Env[key] })
		if err != nil {
			return nil, err
		}
		o.Name, o.ID, o.Exit = in.Name, in.ID, in.Exit
		fmt.Fprintf(in.Stdout, "mock-backend %s starts with image %s\n", in.Name, mockName)
		if weight, err := strconv.Atoi(in.Labels[prefix.Key("weight")]); err == nil {
			o.Weight = weight
		}
		return mockbackend.New(o), nil
	}
}
