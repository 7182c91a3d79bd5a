package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ballast-lb/ballast/engine"
	"github.com/ballast-lb/ballast/engine/embedded"
	"github.com/ballast-lb/ballast/engine/enginetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is the image that enginetest asks for.
func fixture(i embedded.Instance) (http.Handler, error) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /env/{name}", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, i.Env[r.PathValue("name")])
	})
	for stream, w := range map[string]io.Writer{"stdout": i.Stdout, "stderr": i.Stderr} {
		mux.HandleFunc("GET /say/"+stream+"/{text}", func(_ http.ResponseWriter, r *http.Request) {
			fmt.Fprintln(w, r.PathValue("text"))
		})
	}
	return mux, nil
}

func TestConformance(t *testing.T) {
	enginetest.Run(t, func(t *testing.T) enginetest.Harness {
		e := open(t, embedded.Options{Images: map[string]embedded.Image{"fixture": fixture}})
		return enginetest.Harness{
			Engine: e,
			Run: func(t *testing.T, f enginetest.Fixture) string {
				options := []embedded.RunOption{embedded.WithEnv(f.Env)}
				if f.IgnoreStop {
					options = append(options, embedded.IgnoreStop())
				}
				return run(t, e, f.Name, "fixture", f.Labels, options...)
			},
		}
	})
}

func open(t *testing.T, options embedded.Options) *embedded.Engine {
	t.Helper()
	e := embedded.New(options)
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return e
}

func run(t *testing.T, e *embedded.Engine, name, image string, labels map[string]string, options ...embedded.RunOption) string {
	t.Helper()
	id, err := e.Run(name, image, labels, options...)
	if err != nil {
		t.Fatalf("Run(%s): %v", name, err)
	}
	return id
}

func inspect(t *testing.T, e *embedded.Engine, id string) engine.Container {
	t.Helper()
	c, err := e.Inspect(t.Context(), id)
	if err != nil {
		t.Fatalf("Inspect(%s): %v", id, err)
	}
	return c
}

// one returns an engine whose one image "web" has the given handler.
func one(t *testing.T, handler func(embedded.Instance) http.HandlerFunc) *embedded.Engine {
	t.Helper()
	return open(t, embedded.Options{Images: map[string]embedded.Image{
		"web": func(i embedded.Instance) (http.Handler, error) { return handler(i), nil },
	}})
}

func hello(embedded.Instance) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }
}

func address(c engine.Container) string {
	return net.JoinHostPort(c.Networks[0].Address, strconv.Itoa(int(c.Ports[0].Number)))
}

// get asks a container on a connection of its own.
func get(ctx context.Context, address string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/", nil)
	if err != nil {
		return "", err
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

func TestEngine_Close(t *testing.T) {
	e := one(t, hello)
	target := address(inspect(t, e, run(t, e, "web-a", "web", nil)))
	ended := make(chan error, 1)
	subscribed := make(chan struct{})
	go func() {
		for event, err := range e.Watch(context.Background(), time.Time{}) {
			if event.Action == engine.ActionSubscribed {
				close(subscribed)
			}
			if err != nil {
				ended <- err
			}
		}
	}()
	<-subscribed
	for range 2 {
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-ended; !errors.Is(err, engine.ErrUnavailable) {
		t.Errorf("Watch ended with %v, want ErrUnavailable", err)
	}
	if _, err := get(t.Context(), target); err == nil {
		t.Error("a container outlives its engine")
	}
	if _, err := e.List(t.Context()); !errors.Is(err, engine.ErrUnavailable) {
		t.Errorf("List() of a closed engine: %v, want ErrUnavailable", err)
	}
}

func TestEngine_runs_a_thousand(t *testing.T) {
	e := open(t, embedded.Options{Images: map[string]embedded.Image{"none": nil}})
	addresses := make(map[string]bool)
	for i := range 1000 {
		id := run(t, e, fmt.Sprintf("web-%d", i), "none", nil, embedded.WithPort(8080))
		addresses[address(inspect(t, e, id))] = true
	}
	if len(addresses) != 1000 {
		t.Errorf("1000 containers have %d addresses", len(addresses))
	}
	list, err := e.List(t.Context())
	if err != nil || len(list) != 1000 {
		t.Errorf("List() = %d containers, %v, want 1000", len(list), err)
	}
}

func TestDescribed(t *testing.T) {
	e := open(t, embedded.Options{Images: map[string]embedded.Image{"none": nil}})
	id := run(t, e, "web-a", "none", nil, embedded.Described(func(c *engine.Container) {
		c.StopSignal = 3
		c.Grants.Privileged = true
	}))
	if c := inspect(t, e, id); !c.Grants.Privileged || c.StopSignal != 3 {
		t.Errorf("Inspect() = %+v, want what Described says", c)
	}
	clone, err := e.Create(t.Context(), engine.Spec{Name: "web-b", Template: id})
	if err != nil {
		t.Fatal(err)
	}
	if c := inspect(t, e, clone); c.Grants.Privileged {
		t.Error("a clone has the grants of its template")
	}
}
