package telemetry

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/ballast-lb/ballast/engine"
)

// answers is an engine whose every call ends with err; its streams yield a value first.
type answers struct {
	err    error
	closed bool
}

func (a *answers) Info(context.Context) (engine.Info, error) { return engine.Info{Kind: "fake"}, a.err }

func (a *answers) List(context.Context) ([]engine.Summary, error) {
	return []engine.Summary{{ID: "a"}}, a.err
}

func (a *answers) Inspect(_ context.Context, id string) (engine.Container, error) {
	return engine.Container{Summary: engine.Summary{ID: id}}, a.err
}

func (a *answers) Watch(context.Context, time.Time) iter.Seq2[engine.Event, error] {
	return stream(engine.Event{Action: engine.ActionSubscribed}, a.err)
}

func (a *answers) Create(_ context.Context, s engine.Spec) (string, error) { return s.Name, a.err }
func (a *answers) Start(context.Context, string) error                     { return a.err }
func (a *answers) Stop(context.Context, string, time.Duration) error       { return a.err }
func (a *answers) Pause(context.Context, string) error                     { return a.err }
func (a *answers) Unpause(context.Context, string) error                   { return a.err }
func (a *answers) Remove(context.Context, string, bool) error              { return a.err }
func (a *answers) Close() error                                            { a.closed = true; return nil }

func (a *answers) Stats(context.Context, string) iter.Seq2[engine.Stats, error] {
	return stream(engine.Stats{Memory: 1}, a.err)
}

func (a *answers) Logs(context.Context, string, int) iter.Seq2[engine.LogLine, error] {
	return stream(engine.LogLine{Text: "x"}, a.err)
}

func stream[T any](v T, err error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		if yield(v, nil) && err != nil {
			yield(zero, err)
		}
	}
}

// calls makes each call once, by the value of its label.
func calls(e engine.Engine) map[string]func() error {
	ctx := context.Background()
	return map[string]func() error{
		"info":    func() error { _, err := e.Info(ctx); return err },
		"list":    func() error { _, err := e.List(ctx); return err },
		"inspect": func() error { _, err := e.Inspect(ctx, "a"); return err },
		"watch":   func() error { return drain(e.Watch(ctx, time.Time{})) },
		"create":  func() error { _, err := e.Create(ctx, engine.Spec{}); return err },
		"start":   func() error { return e.Start(ctx, "a") },
		"stop":    func() error { return e.Stop(ctx, "a", time.Second) },
		"pause":   func() error { return e.Pause(ctx, "a") },
		"unpause": func() error { return e.Unpause(ctx, "a") },
		"remove":  func() error { return e.Remove(ctx, "a", true) },
		"stats":   func() error { return drain(e.Stats(ctx, "a")) },
		"logs":    func() error { return drain(e.Logs(ctx, "a", 1)) },
	}
}

func drain[T any](s iter.Seq2[T, error]) error {
	var last error
	for _, err := range s {
		last = err
	}
	return last
}

func TestEngine(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want float64
	}{
		{"a failure counts once", fmt.Errorf("list: %w", engine.ErrUnavailable), 1},
		{"a deadline counts", context.DeadlineExceeded, 1},
		{"what the caller gave up does not", fmt.Errorf("list: %w", context.Canceled), 0},
		{"success does not", nil, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newMetrics(t, prometheus.NewRegistry())
			made := calls(Engine(&answers{err: tt.err}, m))
			for op, call := range made {
				if err := call(); !errors.Is(err, tt.err) {
					t.Errorf("%s: error = %v, want %v", op, err, tt.err)
				}
				if got := testutil.ToFloat64(m.engineErrors.WithLabelValues(op)); got != tt.want {
					t.Errorf("%s: counted %v, want %v", op, got, tt.want)
				}
			}
			if n := testutil.CollectAndCount(m.engineErrors); n != len(made) {
				t.Errorf("series = %d, want one for each of %d calls", n, len(made))
			}
		})
	}
}

func TestEngine_PassesThrough(t *testing.T) {
	inner := &answers{}
	e := Engine(inner, newMetrics(t, prometheus.NewRegistry()))
	if info, _ := e.Info(t.Context()); info.Kind != "fake" {
		t.Errorf("Info().Kind = %q, want fake", info.Kind)
	}
	for ev := range e.Watch(t.Context(), time.Time{}) {
		if ev.Action != engine.ActionSubscribed {
			t.Errorf("event = %s, want %s", ev.Action, engine.ActionSubscribed)
		}
		break // the wrapped stream must end when its reader leaves
	}
	if err := e.Close(); err != nil || !inner.closed {
		t.Errorf("Close() = %v, closed = %t, want the engine closed", err, inner.closed)
	}
}
