package enginetest

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/engine"
)

func testCreateCopies(t *testing.T, s *suite) {
	template := s.fixture(t, Fixture{
		Name:   s.name(),
		Labels: map[string]string{"original": "only"},
		Env:    map[string]string{"GREETING": "hello"},
	})
	spec := engine.Spec{Name: s.name(), Template: template, Labels: map[string]string{"clone": "too"}}
	id := s.create(t, spec)

	c := s.inspect(t, id)
	if c.Name != spec.Name || c.State != engine.StateCreated || !c.StartedAt.IsZero() {
		t.Errorf("the clone is %q, %s, started at %v, want %q, created, never", c.Name, c.State, c.StartedAt, spec.Name)
	}
	if _, copied := c.Labels["original"]; copied || c.Labels["clone"] != "too" {
		t.Errorf("the clone's labels = %v, want those of the spec", c.Labels)
	}
	if want := s.inspect(t, template); c.Image != want.Image || c.ImageID != want.ImageID {
		t.Errorf("the clone's image = %q, %q, want %q, %q", c.Image, c.ImageID, want.Image, want.ImageID)
	}
	must(t, "Start", s.Engine.Start(t.Context(), id))
	if got := s.get(t, id, "/env/GREETING"); got != "hello" {
		t.Errorf("the clone's GREETING = %q, want hello", got)
	}
	clone, original := s.inspect(t, id), s.inspect(t, template)
	if len(clone.Networks) != len(original.Networks) || clone.Networks[0].Name != original.Networks[0].Name {
		t.Errorf("the clone's networks = %+v, want those of %+v", clone.Networks, original.Networks)
	}
	sameAddress := clone.Networks[0].Address == original.Networks[0].Address
	if sameAddress && clone.Ports[0].Number == original.Ports[0].Number {
		t.Errorf("clone and original both are at %s:%d", clone.Networks[0].Address, clone.Ports[0].Number)
	}
}

func testConfigHash(t *testing.T, s *suite) {
	env := func(greeting string) string {
		return s.fixture(t, Fixture{Name: s.name(), Env: map[string]string{"GREETING": greeting}})
	}
	first, same, other := env("hello"), env("hello"), env("hi")
	hash := s.inspect(t, first).ConfigHash
	if hash == "" || s.inspect(t, same).ConfigHash != hash {
		t.Errorf("ConfigHash = %q and %q of two that are alike", hash, s.inspect(t, same).ConfigHash)
	}
	if s.inspect(t, other).ConfigHash == hash {
		t.Errorf("ConfigHash = %q of two that differ in their environment", hash)
	}
	must(t, "Stop", s.Engine.Stop(t.Context(), first, 5*time.Second))
	stopped := s.inspect(t, first).ConfigHash
	must(t, "Start", s.Engine.Start(t.Context(), first))
	if again := s.inspect(t, first).ConfigHash; stopped != hash || again != hash {
		t.Errorf("ConfigHash = %q, stopped %q, started again %q, want it to stay", hash, stopped, again)
	}
}

func testCreateRefuses(t *testing.T, s *suite) {
	name := s.name()
	template := s.fixture(t, Fixture{Name: name})
	tests := []struct {
		name string
		spec engine.Spec
		want error
	}{
		{"a name that is taken", engine.Spec{Name: name, Template: template}, engine.ErrConflict},
		{"an image that does not exist", engine.Spec{Name: s.name(), Template: template, Image: "ballast-enginetest/nothing:none"}, engine.ErrNotFound},
	}
	for _, test := range tests {
		id, err := s.Engine.Create(t.Context(), test.spec)
		if !errors.Is(err, test.want) || id != "" {
			t.Errorf("Create() with %s = %q, %v, want %v", test.name, id, err, test.want)
		}
	}
}

func testCreateRace(t *testing.T, s *suite) {
	const attempts = 4
	spec := engine.Spec{Name: s.name(), Template: s.run(t)}
	var (
		done sync.WaitGroup
		ids  [attempts]string
		errs [attempts]error
	)
	for i := range attempts {
		done.Go(func() { ids[i], errs[i] = s.Engine.Create(t.Context(), spec) })
	}
	done.Wait()
	created := 0
	for i, err := range errs {
		switch {
		case err == nil:
			created++
			s.cleanUp(t, ids[i])
		case !errors.Is(err, engine.ErrConflict):
			t.Errorf("Create() of a name that is taken meanwhile: %v, want ErrConflict", err)
		}
	}
	if created != 1 {
		t.Errorf("%d of %d attempts created a container of one name, want 1", created, attempts)
	}
}
