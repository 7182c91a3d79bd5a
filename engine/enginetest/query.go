package enginetest

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/engine"
)

func testInfo(t *testing.T, s *suite) {
	info, err := s.Engine.Info(t.Context())
	must(t, "Info", err)
	if info.Kind == "" || info.Version == "" || info.PublishedHost == "" {
		t.Errorf("Info() = %+v, want kind, version and published host", info)
	}
	if off := time.Since(info.Time).Abs(); off > time.Minute {
		t.Errorf("the engine's clock is %v off ours", off)
	}
	if !info.ContainersReachable {
		t.Error("Info().ContainersReachable = false, the suite dials containers")
	}
}

func testList(t *testing.T, s *suite) {
	labels := map[string]string{"ballast.enginetest": "list", "empty": ""}
	name := s.name()
	running := s.fixture(t, Fixture{Name: name, Labels: labels})
	created := s.create(t, engine.Spec{Name: s.name(), Template: running})
	stopped := s.run(t)
	must(t, "Stop", s.Engine.Stop(t.Context(), stopped, 5*time.Second))

	list, err := s.Engine.List(t.Context())
	must(t, "List", err)
	found := make(map[string]engine.Summary)
	for _, summary := range list {
		found[summary.ID] = summary
	}
	for id, want := range map[string]engine.State{
		running: engine.StateRunning,
		created: engine.StateCreated,
		stopped: engine.StateExited,
	} {
		if found[id].State != want {
			t.Errorf("List() has container %s as %q, want %q", id, found[id].State, want)
		}
	}
	got := found[running]
	if got.Name != name {
		t.Errorf("List() Name = %q, want %q", got.Name, name)
	}
	if got.Image == "" {
		t.Error("List() Image is empty")
	}
	if want := s.inspect(t, running).ImageID; got.ImageID == "" || got.ImageID != want {
		t.Errorf("List() ImageID = %q, want %q as inspected", got.ImageID, want)
	}
	if !hasAll(got.Labels, labels) {
		t.Errorf("List() Labels = %v, want %v", got.Labels, labels)
	}
}

// hasAll allows for labels that come with an image.
func hasAll(got, want map[string]string) bool {
	for key, value := range want {
		if v, ok := got[key]; !ok || v != value {
			return false
		}
	}
	return true
}

func testInspect(t *testing.T, s *suite) {
	name := s.name()
	labels := map[string]string{"ballast.enginetest": "inspect"}
	id := s.fixture(t, Fixture{Name: name, Labels: labels, Env: map[string]string{"GREETING": "hello"}})
	c := s.inspect(t, id)

	if c.ID != id || c.Name != name || c.State != engine.StateRunning || c.Image == "" || !hasAll(c.Labels, labels) {
		t.Errorf("Inspect() summary = %+v, want ID %s, name %s, running, an image, labels %v", c.Summary, id, name, labels)
	}
	if age := time.Since(c.StartedAt); age < -time.Minute || age > patience+time.Minute {
		t.Errorf("Inspect() StartedAt = %v, which is %v ago", c.StartedAt, age)
	}
	if !c.FinishedAt.IsZero() || c.ExitCode != 0 {
		t.Errorf("Inspect() FinishedAt = %v, ExitCode = %d of a container that never ended", c.FinishedAt, c.ExitCode)
	}
	if c.StopSignal != 15 || c.StopTimeout != 10*time.Second {
		t.Errorf("Inspect() StopSignal = %d, StopTimeout = %v, want 15 and 10s", c.StopSignal, c.StopTimeout)
	}
	if c.HostNetwork || c.Health != engine.HealthNone {
		t.Errorf("Inspect() HostNetwork = %v, Health = %q, want neither", c.HostNetwork, c.Health)
	}
	if len(c.Networks) == 0 || len(c.Ports) != 1 || c.Ports[0].Protocol != "tcp" {
		t.Fatalf("Inspect() Networks = %+v, Ports = %+v, want a network and one TCP port", c.Networks, c.Ports)
	}
	if got := s.get(t, id, "/env/GREETING"); got != "hello" {
		t.Errorf("GET /env/GREETING = %q, want hello", got)
	}
	byName, err := s.Engine.Inspect(t.Context(), name)
	if err != nil || byName.ID != id {
		t.Errorf("Inspect(%q) = %s, %v, want %s", name, byName.ID, err, id)
	}
}

// get asks a container's server, again until it answers: it may be starting.
func (s *suite) get(t *testing.T, id, path string) string {
	t.Helper()
	var body string
	eventually(t, "container "+id+" answers "+path, func() bool {
		var err error
		body, err = fetch(t.Context(), s.inspect(t, id), path)
		return err == nil
	})
	return body
}

// fetch asks once, on a connection of its own.
func fetch(ctx context.Context, c engine.Container, path string) (string, error) {
	if len(c.Networks) == 0 || len(c.Ports) == 0 || c.Networks[0].Address == "" {
		return "", errors.New("no address")
	}
	address := net.JoinHostPort(c.Networks[0].Address, strconv.Itoa(int(c.Ports[0].Number)))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		return "", err
	}
	transport := &http.Transport{DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

// calls are all that take a container, by name.
func calls(e engine.Engine) map[string]func(ctx context.Context, id string) error {
	return map[string]func(ctx context.Context, id string) error{
		"Inspect": func(ctx context.Context, id string) error { _, err := e.Inspect(ctx, id); return err },
		"Create": func(ctx context.Context, id string) error {
			_, err := e.Create(ctx, engine.Spec{Name: "ballast-enginetest-never", Template: id})
			return err
		},
		"Start":   e.Start,
		"Stop":    func(ctx context.Context, id string) error { return e.Stop(ctx, id, time.Second) },
		"Pause":   e.Pause,
		"Unpause": e.Unpause,
		"Remove":  func(ctx context.Context, id string) error { return e.Remove(ctx, id, false) },
		"Remove by force": func(ctx context.Context, id string) error {
			return e.Remove(ctx, id, true)
		},
		"Logs": func(ctx context.Context, id string) error {
			for _, err := range e.Logs(ctx, id, 1) {
				return err
			}
			return nil
		},
		"Stats": func(ctx context.Context, id string) error {
			for _, err := range e.Stats(ctx, id) {
				return err
			}
			return nil
		},
	}
}

func testNotFound(t *testing.T, s *suite) {
	for name, call := range calls(s.Engine) {
		if err := call(t.Context(), "ballast-enginetest-nobody"); !errors.Is(err, engine.ErrNotFound) {
			t.Errorf("%s() of a container that does not exist: %v, want ErrNotFound", name, err)
		}
	}
}

func testContextEnded(t *testing.T, s *suite) {
	id := s.run(t)
	all := maps.Clone(calls(s.Engine))
	all["Info"] = func(ctx context.Context, _ string) error { _, err := s.Engine.Info(ctx); return err }
	all["List"] = func(ctx context.Context, _ string) error { _, err := s.Engine.List(ctx); return err }
	all["Watch"] = func(ctx context.Context, _ string) error {
		for _, err := range s.Engine.Watch(ctx, time.Time{}) {
			return err
		}
		return nil
	}
	for name, call := range all {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := call(ctx, id); !errors.Is(err, context.Canceled) || errors.Is(err, engine.ErrUnavailable) {
			t.Errorf("%s() with a context that ended: %v, want only context.Canceled", name, err)
		}
	}
	if c := s.inspect(t, id); c.State != engine.StateRunning {
		t.Errorf("the container is %s after calls that must not reach it, want running", c.State)
	}
}
