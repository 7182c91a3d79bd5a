package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/events"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/ballast-lb/ballast/engine"
)

const started = `{"Type":"container","Action":"start","Actor":{"ID":"1","Attributes":{"name":"web-a"}},"timeNano":1700000000000000001}`

// stream returns a handler that sends lines, and then cuts the connection, or waits for its end.
func stream(cut bool, lines ...string) (http.HandlerFunc, <-chan struct{}) {
	gone := make(chan struct{}, 16)
	return func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		for _, line := range lines {
			_, _ = io.WriteString(w, line+"\n")
			_ = http.NewResponseController(w).Flush()
		}
		if cut {
			panic(http.ErrAbortHandler)
		}
		<-r.Context().Done()
		gone <- struct{}{}
	}, gone
}

func TestWatch_yields_and_breaks(t *testing.T) {
	tests := []struct {
		name  string
		cut   bool
		lines []string
	}{
		{"cut", true, []string{started}},
		{"nonsense", false, []string{started, "{]"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			handler, _ := stream(test.cut, test.lines...)
			e := newFake(t, map[string]http.HandlerFunc{"GET /events": handler})
			var got []engine.Action
			var last error
			for event, err := range e.Watch(t.Context(), time.Time{}) {
				if err != nil {
					last = err
					continue
				}
				got = append(got, event.Action)
			}
			if want := []engine.Action{engine.ActionSubscribed, engine.ActionStart}; !cmp.Equal(got, want) {
				t.Errorf("events = %v, want %v", got, want)
			}
			checkSentinel(t, last, engine.ErrUnavailable)
		})
	}
}

func TestWatch_ends_cleanly_at_the_end_of_the_stream(t *testing.T) {
	e := newFake(t, map[string]http.HandlerFunc{"GET /events": answer(started)})
	var last error
	for _, err := range e.Watch(t.Context(), time.Time{}) {
		last = err
	}
	checkSentinel(t, last, engine.ErrUnavailable)
	if !errors.Is(last, io.EOF) {
		t.Errorf("Watch ended with %v, want the original error too", last)
	}
}

func TestWatch_does_not_subscribe_when_refused(t *testing.T) {
	e := newFake(t, map[string]http.HandlerFunc{"GET /events": status(http.StatusForbidden)})
	yielded := 0
	for event, err := range e.Watch(t.Context(), time.Time{}) {
		if yielded++; err == nil {
			t.Errorf("Watch yielded %+v, want only an error", event)
			continue
		}
		checkSentinel(t, err, nil)
	}
	if yielded != 1 {
		t.Errorf("Watch yielded %d times, want once", yielded)
	}
}

func TestWatch_closes_the_stream(t *testing.T) {
	t.Run("when the caller breaks off", func(t *testing.T) {
		handler, gone := stream(false, started, started)
		e := newFake(t, map[string]http.HandlerFunc{"GET /events": handler})
		for event, err := range e.Watch(t.Context(), time.Time{}) {
			if err != nil {
				t.Fatal(err)
			}
			if event.Action == engine.ActionStart {
				break
			}
		}
		patient(t, "the daemon notices", gone)
	})
	t.Run("when the context ends on a stream that is silent", func(t *testing.T) {
		handler, gone := stream(false)
		e := newFake(t, map[string]http.HandlerFunc{"GET /events": handler})
		// A stream has no deadline once it stands.
		e.limits.call = soon
		ctx, cancel := context.WithTimeout(t.Context(), 4*soon)
		defer cancel()
		var last error
		for _, err := range e.Watch(ctx, time.Time{}) {
			last = err
		}
		checkSentinel(t, last, nil)
		if !errors.Is(last, context.DeadlineExceeded) {
			t.Errorf("Watch ended with %v, want the context's error", last)
		}
		patient(t, "the daemon notices", gone)
	})
}

func TestWatch_asks_for_what_it_needs(t *testing.T) {
	query := make(chan string, 1)
	e := newFake(t, map[string]http.HandlerFunc{
		"GET /events": func(w http.ResponseWriter, r *http.Request) {
			query <- r.URL.Query().Get("since") + " " + r.URL.Query().Get("filters")
			w.WriteHeader(http.StatusOK)
		},
	})
	for event := range e.Watch(t.Context(), time.Unix(1700000000, 42)) {
		_ = event
	}
	got := <-query
	if !strings.HasPrefix(got, "1700000000.000000042 ") {
		t.Errorf("query = %q, want since to the nanosecond", got)
	}
	for _, want := range []string{`"container":true`, `"network":true`, `"kill":true`, `"health_status":true`, `"disconnect":true`} {
		if !strings.Contains(got, want) {
			t.Errorf("query = %q, want %s among the filters", got, want)
		}
	}
	if strings.Contains(got, "exec") {
		t.Errorf("query = %q asks for events of exec", got)
	}
}

func TestToEvent(t *testing.T) {
	at := time.Unix(0, 1700000000000000001)
	attributes := func(pairs ...string) map[string]string {
		m := map[string]string{"name": "web-a"}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		return m
	}
	tests := []struct {
		kind, action string
		attributes   map[string]string
		want         engine.Event
		dropped      bool
	}{
		{kind: "container", action: "create", want: engine.Event{Action: engine.ActionCreate}},
		{kind: "container", action: "start", want: engine.Event{Action: engine.ActionStart}},
		{kind: "container", action: "kill", attributes: attributes("signal", "15"), want: engine.Event{Action: engine.ActionKill, Signal: 15}},
		{kind: "container", action: "kill", attributes: attributes("signal", "9"), want: engine.Event{Action: engine.ActionKill, Signal: 9}},
		{kind: "container", action: "die", attributes: attributes("exitCode", "1"), want: engine.Event{Action: engine.ActionDie}},
		{kind: "container", action: "stop", want: engine.Event{Action: engine.ActionStop}},
		{kind: "container", action: "pause", want: engine.Event{Action: engine.ActionPause}},
		{kind: "container", action: "unpause", want: engine.Event{Action: engine.ActionUnpause}},
		{kind: "container", action: "destroy", want: engine.Event{Action: engine.ActionDestroy}},
		{kind: "container", action: "rename", want: engine.Event{Action: engine.ActionRename}},
		{kind: "container", action: "health_status: healthy", want: engine.Event{Action: engine.ActionHealth, Health: engine.HealthHealthy}},
		{kind: "container", action: "health_status: unhealthy", want: engine.Event{Action: engine.ActionHealth, Health: engine.HealthUnhealthy}},
		{kind: "container", action: "exec_create: /bin/sh -c stop", dropped: true},
		{kind: "container", action: "exec_die", dropped: true},
		{kind: "container", action: "attach", dropped: true},
		{kind: "container", action: "oom", dropped: true},
		{kind: "network", action: "connect", attributes: attributes("container", "1"), want: engine.Event{Action: engine.ActionNetwork}},
		{kind: "network", action: "disconnect", attributes: attributes("container", "1"), want: engine.Event{Action: engine.ActionNetwork}},
		{kind: "network", action: "connect", dropped: true},
		{kind: "network", action: "create", attributes: attributes("container", "1"), dropped: true},
		{kind: "image", action: "pull", dropped: true},
	}
	for _, test := range tests {
		t.Run(fmt.Sprintf("%s %s", test.kind, test.action), func(t *testing.T) {
			m := events.Message{Type: events.Type(test.kind), Action: events.Action(test.action), TimeNano: at.UnixNano()}
			m.Actor.ID, m.Actor.Attributes = "1", test.attributes
			if test.kind == "network" {
				m.Actor.ID = "network-id"
			} else {
				test.want.Name = "web-a"
				if m.Actor.Attributes == nil {
					m.Actor.Attributes = attributes()
				}
			}
			got, ok := toEvent(m)
			if ok == test.dropped {
				t.Fatalf("toEvent() = %+v, %v, want dropped: %v", got, ok, test.dropped)
			}
			if test.dropped {
				return
			}
			test.want.ID, test.want.Time = "1", at
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("toEvent() (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("seconds only", func(t *testing.T) {
		got, ok := toEvent(events.Message{Type: "container", Action: "die", Time: 1700000000})
		if !ok || !got.Time.Equal(time.Unix(1700000000, 0)) {
			t.Errorf("toEvent() = %+v, %v", got, ok)
		}
	})
}

func TestSignalNumber(t *testing.T) {
	for in, want := range map[string]int{
		"": 15, "SIGTERM": 15, "TERM": 15, "sigterm": 15, "15": 15, "3": 3, "QUIT": 3, "SIGQUIT": 3, "SIGUSR1": 10,
		"SIGWINCH": 28, "KILL": 9, "SIGRTMIN": 34, "SIGRTMIN+3": 37, "RTMAX-1": 63, "SIGRTMAX+1": 15, "0": 15, "65": 15, "-1": 15, "nonsense": 15,
	} {
		if got := signalNumber(in); got != want {
			t.Errorf("signalNumber(%q) = %d, want %d", in, got, want)
		}
	}
}

// The client negotiates the API version with its first call, whichever that is.
func TestEngine_first_calls_at_once(t *testing.T) {
	e := newFake(t, map[string]http.HandlerFunc{
		"GET /events":          answer(""),
		"GET /info":            answer(`{}`),
		"GET /containers/json": answer(`[]`),
	})
	var calls errgroup.Group
	for range 4 {
		calls.Go(func() error { _, err := e.List(t.Context()); return err })
		calls.Go(func() error { _, err := e.Info(t.Context()); return err })
		calls.Go(func() error {
			for _, err := range e.Watch(t.Context(), time.Time{}) {
				return err
			}
			return nil
		})
	}
	if err := calls.Wait(); err != nil {
		t.Error(err)
	}
}
