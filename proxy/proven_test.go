package proxy_test

import (
	"slices"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
)

// What is made to be kept in reserve must be proven, and must not serve, from its first moment on.
func TestCore_proves_what_is_drained_before_it_is_known(t *testing.T) {
	var proven, ready []string
	c := proxy.New(proxy.Options{
		Logger:   zerolog.Nop(),
		OnReady:  func(_ string, b containers.Backend) { ready = append(ready, b.Name) },
		OnProven: func(_ string, b containers.Backend) { proven = append(proven, b.Name) },
	})
	a, b := backend("a", 1), backend("b", 1)
	if err := c.Drain(t.Context(), b.Container); err != nil {
		t.Fatal(err)
	}
	c.Apply(snapshot(settings(), a)) // b is not there yet.
	starting := b
	starting.State = containers.StateStarting // Its HEALTHCHECK has not passed.
	c.Apply(snapshot(settings(), a, starting))
	heal(c, a, starting)
	if len(proven) != 0 {
		t.Errorf("proven = %q before the engine's check passed", proven)
	}
	c.Apply(snapshot(settings(), a, b))
	heal(c, a, b)
	if !slices.Equal(proven, []string{"b"}) || !slices.Equal(ready, []string{"a"}) {
		t.Errorf("proven = %q and ready = %q, want b and a", proven, ready)
	}
	p := c.Pool("default")
	if got := picks(p, 4); got != "aaaa" {
		t.Errorf("picks = %s, want a only", got)
	}
	warm := b
	warm.State = containers.StateWarm
	c.Apply(snapshot(settings(), a, warm))
	c.Undrain(b.Container)
	if got := report(t, c, time.Now()).Backends[1].State; got != containers.StateWarm {
		t.Errorf("state of a warm one = %s", got)
	}
	if got := picks(p, 4); got != "aaaa" {
		t.Errorf("picks = %s, want a only", got)
	}
	back := b
	back.StartedAt++
	c.Apply(snapshot(settings(), a, back))
	heal(c, back)
	if got := picks(p, 4); got != "abab" && got != "baba" {
		t.Errorf("picks = %s, want both", got)
	}
	if !slices.Equal(ready, []string{"a", "b"}) {
		t.Errorf("ready = %q, want b as well", ready)
	}
	// A mark goes with the container that had it.
	_ = c.Drain(t.Context(), b.Container)
	c.Apply(snapshot(settings(), a))
	c.Apply(snapshot(settings(), a, back))
	heal(c, back)
	if got := picks(p, 4); got != "abab" && got != "baba" {
		t.Errorf("picks = %s, want both", got)
	}
}
