package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ballast-lb/ballast/engine"
	"github.com/ballast-lb/ballast/engine/embedded"
)

func TestEngine_Start(t *testing.T) {
	t.Run("opens the port when booted", func(t *testing.T) {
		e := one(t, hello)
		const boot = 200 * time.Millisecond
		began := time.Now()
		id := run(t, e, "web-a", "web", nil, embedded.WithBootTime(boot))
		if took := time.Since(began); took > boot/2 {
			t.Errorf("Run() took %v, want that it does not wait for the boot", took)
		}
		c := inspect(t, e, id)
		if c.State != engine.StateRunning || c.Ports[0].Number == 0 {
			t.Fatalf("while it boots: %s, port %d, want running, with a port", c.State, c.Ports[0].Number)
		}
		refused := 0
		for {
			_, err := get(t.Context(), address(c))
			if err == nil {
				break
			}
			refused++
		}
		if took := time.Since(began); took < boot || refused == 0 {
			t.Errorf("the port opened after %v and %d refusals, want after %v", took, refused, boot)
		}
	})
	t.Run("says what is wrong with an image", func(t *testing.T) {
		broken := errors.New("PORT: not a number")
		e := open(t, embedded.Options{Images: map[string]embedded.Image{
			"web": func(embedded.Instance) (http.Handler, error) { return nil, broken },
		}})
		if _, err := e.Run("web-a", "web", nil); !errors.Is(err, broken) {
			t.Errorf("Run() = %v, want the image's error", err)
		}
		if c := inspect(t, e, "web-a"); c.State != engine.StateCreated {
			t.Errorf("the container is %s, want created", c.State)
		}
	})
	t.Run("is refused while paused", func(t *testing.T) {
		e := one(t, hello)
		id := run(t, e, "web-a", "web", nil)
		if err := e.Pause(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if err := e.Start(t.Context(), id); !errors.Is(err, engine.ErrConflict) {
			t.Errorf("Start() of a paused container: %v, want ErrConflict", err)
		}
	})
}

func TestEngine_Stop(t *testing.T) {
	t.Run("lets requests in flight finish", func(t *testing.T) {
		entered := make(chan struct{})
		e := one(t, func(i embedded.Instance) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				close(entered)
				<-i.Stopping
				_, _ = io.WriteString(w, "finished")
			}
		})
		id := run(t, e, "web-a", "web", nil)
		type answer struct {
			body string
			err  error
		}
		answers := make(chan answer, 1)
		target := address(inspect(t, e, id))
		go func() {
			body, err := get(t.Context(), target)
			answers <- answer{body, err}
		}()
		<-entered
		if err := e.Stop(t.Context(), id, time.Minute); err != nil {
			t.Fatal(err)
		}
		if a := <-answers; a.err != nil || a.body != "finished" {
			t.Errorf("the request in flight got %q, %v, want finished", a.body, a.err)
		}
		if _, err := get(t.Context(), target); err == nil {
			t.Error("a stopped container answers")
		}
	})
	t.Run("cuts what does not finish in time", func(t *testing.T) {
		entered := make(chan struct{})
		e := one(t, func(embedded.Instance) http.HandlerFunc {
			return func(_ http.ResponseWriter, r *http.Request) {
				close(entered)
				<-r.Context().Done()
			}
		})
		id := run(t, e, "web-a", "web", nil)
		failed := make(chan error, 1)
		target := address(inspect(t, e, id))
		go func() {
			_, err := get(t.Context(), target)
			failed <- err
		}()
		<-entered
		if err := e.Stop(t.Context(), id, 10*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		if err := <-failed; err == nil {
			t.Error("a request that never ends was answered")
		}
		if c := inspect(t, e, id); c.ExitCode != 137 {
			t.Errorf("ExitCode = %d, want 137", c.ExitCode)
		}
	})
	t.Run("goes on when its caller leaves", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			e := open(t, embedded.Options{Images: map[string]embedded.Image{"none": nil}})
			id := run(t, e, "web-a", "none", nil, embedded.IgnoreStop())
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if err := e.Stop(ctx, id, 10*time.Second); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Stop() = %v, want DeadlineExceeded", err)
			}
			if c := inspect(t, e, id); c.State != engine.StateRunning {
				t.Errorf("after 1s: %s, want running", c.State)
			}
			time.Sleep(9 * time.Second)
			synctest.Wait()
			if c := inspect(t, e, id); c.State != engine.StateExited {
				t.Errorf("after 10s: %s, want exited", c.State)
			}
		})
	})
}

func TestEngine_Pause_holds_answers_back(t *testing.T) {
	entered, proceed := make(chan struct{}), make(chan struct{})
	e := one(t, func(embedded.Instance) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			close(entered)
			<-proceed
			_, _ = io.WriteString(w, "late")
		}
	})
	id := run(t, e, "web-a", "web", nil)
	answered := make(chan error, 1)
	target := address(inspect(t, e, id))
	go func() {
		_, err := get(t.Context(), target)
		answered <- err
	}()
	<-entered
	if err := e.Pause(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	close(proceed)
	select {
	case err := <-answered:
		t.Errorf("a paused container answered a request that it had begun: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	if err := e.Unpause(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; err != nil {
		t.Errorf("the answer after Unpause: %v", err)
	}
}

func TestEngine_Remove_of_a_paused_container(t *testing.T) {
	e := one(t, hello)
	id := run(t, e, "web-a", "web", nil)
	if err := e.Pause(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	target := address(inspect(t, e, id))
	go func() {
		_, err := get(t.Context(), target)
		failed <- err
	}()
	if err := e.Remove(t.Context(), id, true); err != nil {
		t.Fatalf("Remove() = %v", err)
	}
	if err := <-failed; err == nil {
		t.Error("a request to a container that was removed while paused was answered")
	}
}

func TestEngine_Exit(t *testing.T) {
	e := one(t, func(i embedded.Instance) http.HandlerFunc {
		return func(http.ResponseWriter, *http.Request) { i.Exit(3) }
	})
	id := run(t, e, "web-a", "web", nil)
	if _, err := get(t.Context(), address(inspect(t, e, id))); err == nil {
		t.Error("a request that crashes the container was answered")
	}
	// The client sees the connection break a little before the container has ended.
	var seen []engine.Action
	for event, err := range e.Watch(t.Context(), time.Unix(1, 0)) {
		if err != nil {
			t.Fatal(err)
		}
		if seen = append(seen, event.Action); event.Action == engine.ActionDie {
			break
		}
	}
	if c := inspect(t, e, id); c.State != engine.StateExited || c.ExitCode != 3 {
		t.Errorf("after a crash: %s with code %d, want exited with 3", c.State, c.ExitCode)
	}
	if err := e.Exit(id, 1); !errors.Is(err, engine.ErrConflict) {
		t.Errorf("Exit() of what has ended: %v, want ErrConflict", err)
	}
	want := fmt.Sprint([]engine.Action{engine.ActionSubscribed, engine.ActionCreate, engine.ActionStart, engine.ActionDie})
	if got := fmt.Sprint(seen); got != want {
		t.Errorf("events of a crash are %v, want %v", got, want)
	}
}

func TestEngine_SetHealth(t *testing.T) {
	e := one(t, hello)
	id := run(t, e, "web-a", "web", nil, embedded.WithHealth(engine.HealthStarting))
	info, err := e.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, health := range []engine.Health{engine.HealthHealthy, engine.HealthHealthy, engine.HealthUnhealthy} {
		if err := e.SetHealth(id, health); err != nil {
			t.Fatal(err)
		}
	}
	var seen []engine.Health
	for event, err := range e.Watch(t.Context(), info.Time) {
		if err != nil {
			t.Fatal(err)
		}
		if event.Action == engine.ActionHealth {
			seen = append(seen, event.Health)
		}
		if event.Health == engine.HealthUnhealthy {
			break
		}
	}
	if fmt.Sprint(seen) != fmt.Sprint([]engine.Health{engine.HealthHealthy, engine.HealthUnhealthy}) {
		t.Errorf("health events are %v, want each change once", seen)
	}
	if c := inspect(t, e, id); c.Health != engine.HealthUnhealthy {
		t.Errorf("Health = %s, want unhealthy", c.Health)
	}
	if err := e.Stop(t.Context(), id, time.Second); err != nil {
		t.Fatal(err)
	}
	if err := e.Start(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if c := inspect(t, e, id); c.Health != engine.HealthStarting {
		t.Errorf("Health after a restart = %s, want starting", c.Health)
	}
}
