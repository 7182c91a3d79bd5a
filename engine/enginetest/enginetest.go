package enginetest

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/engine"
)

// Harness is an engine under test.
type Harness struct {
	Engine engine.Engine
	// Run starts a container from the fixture without the help of Engine and returns its ID. It
	// removes the container when the test ends, if it still exists.
	//
	// The container has a network with an address that this process can dial, and exposes one
	// TCP port, at which an HTTP server answers GET /env/NAME with the value of that environment
	// variable, and writes TEXT as a line for GET /say/stdout/TEXT or /say/stderr/TEXT, and nothing
	// else. Asked to stop, it ends by itself within a second.
	Run func(t *testing.T, f Fixture) string
}

// Fixture says what a container of the suite is to be like.
type Fixture struct {
	Name        string
	Labels, Env map[string]string
	// IgnoreStop makes it live on when it is asked to stop.
	IgnoreStop bool
}

// Run runs the suite; newHarness is called once for each test, and cleans up with t.Cleanup.
func Run(t *testing.T, newHarness func(t *testing.T) Harness) {
	tests := []struct {
		name string
		run  func(*testing.T, *suite)
	}{
		{"info", testInfo},
		{"list", testList},
		{"inspect", testInspect},
		{"not found", testNotFound},
		{"context ended", testContextEnded},
		{"create copies the template", testCreateCopies},
		{"config hash tells what is copied", testConfigHash},
		{"create refuses", testCreateRefuses},
		{"create gives a name once", testCreateRace},
		{"start", testStart},
		{"stop", testStop},
		{"stop kills what does not end", testStopKills},
		{"stop of a paused container", testStopPaused},
		{"pause", testPause},
		{"remove", testRemove},
		{"watch sees a life in order", testWatchLife},
		{"watch sees a kill", testWatchKill},
		{"watch replays", testWatchReplay},
		{"watch serves several", testWatchSeveral},
		{"watch ends", testWatchEnds},
		{"stats", testStats},
		{"stats ends", testStatsEnds},
		{"logs", testLogs},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.run(t, &suite{Harness: newHarness(t)})
		})
	}
}

// patience is how long a test waits for what should happen at once.
const patience = 30 * time.Second

// suite is the harness with what the tests share.
type suite struct{ Harness }

// name returns a name that no other container has.
func (s *suite) name() string { return "ballast-enginetest-" + rand.Text()[:10] }

// fixture runs a container and waits until it answers.
func (s *suite) fixture(t *testing.T, f Fixture) string {
	t.Helper()
	id := s.Run(t, f)
	s.get(t, id, "/env/NONE")
	return id
}

// run is fixture for a container that is like any other.
func (s *suite) run(t *testing.T) string {
	t.Helper()
	return s.fixture(t, Fixture{Name: s.name()})
}

// create makes a container from a template with the engine, and removes it when the test ends.
func (s *suite) create(t *testing.T, spec engine.Spec) string {
	t.Helper()
	id, err := s.Engine.Create(t.Context(), spec)
	if err != nil {
		t.Fatalf("Create(%+v): %v", spec, err)
	}
	s.cleanUp(t, id)
	return id
}

func (s *suite) cleanUp(t *testing.T, id string) {
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		// Most tests have removed it themselves.
		_ = s.Engine.Remove(ctx, id, true)
	})
}

func (s *suite) inspect(t *testing.T, id string) engine.Container {
	t.Helper()
	c, err := s.Engine.Inspect(t.Context(), id)
	if err != nil {
		t.Fatalf("Inspect(%s): %v", id, err)
	}
	return c
}

// must fails the test if an act did.
func must(t *testing.T, act string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", act, err)
	}
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(patience)
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for !condition() {
		select {
		case <-again.C:
		case <-deadline:
			t.Fatalf("waited %v in vain until %s", patience, what)
		}
	}
}
