package docker

import (
	"strings"
	"time"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"

	"github.com/ballast-lb/ballast/engine"
)

// containerActions are the engine's events of containers that Ballast acts on.
var containerActions = map[events.Action]engine.Action{
	events.ActionCreate:  engine.ActionCreate,
	events.ActionStart:   engine.ActionStart,
	events.ActionKill:    engine.ActionKill,
	events.ActionDie:     engine.ActionDie,
	events.ActionStop:    engine.ActionStop,
	events.ActionPause:   engine.ActionPause,
	events.ActionUnPause: engine.ActionUnpause,
	events.ActionDestroy: engine.ActionDestroy,
	events.ActionRename:  engine.ActionRename,
}

// eventFilters keep the rest from being sent: each run of a health check alone makes three exec events.
func eventFilters() filters.Args {
	args := filters.NewArgs(
		filters.Arg("type", string(events.ContainerEventType)),
		filters.Arg("type", string(events.NetworkEventType)),
		filters.Arg("event", string(events.ActionHealthStatus)),
		filters.Arg("event", string(events.ActionConnect)),
		filters.Arg("event", string(events.ActionDisconnect)),
	)
	for action := range containerActions {
		args.Add("event", string(action))
	}
	return args
}

// toEvent returns false for events that Ballast does not act on. Some arrive despite the filters:
// Docker matches the names of events by their beginning.
func toEvent(m events.Message) (engine.Event, bool) {
	event := engine.Event{
		ID:   m.Actor.ID,
		Name: m.Actor.Attributes["name"],
		Time: time.Unix(0, m.TimeNano),
	}
	if m.TimeNano == 0 {
		event.Time = time.Unix(m.Time, 0)
	}
	switch m.Type {
	case events.ContainerEventType:
		return containerEvent(event, m)
	case events.NetworkEventType:
		if m.Action != events.ActionConnect && m.Action != events.ActionDisconnect {
			return engine.Event{}, false
		}
		// The actor is the network, and so is the name.
		event.Action = engine.ActionNetwork
		event.ID, event.Name = m.Actor.Attributes["container"], ""
		return event, event.ID != ""
	}
	return engine.Event{}, false
}

func containerEvent(event engine.Event, m events.Message) (engine.Event, bool) {
	if status, ok := strings.CutPrefix(string(m.Action), string(events.ActionHealthStatus)+": "); ok {
		event.Action = engine.ActionHealth
		event.Health = engine.Health(status)
		return event, true
	}
	action, ok := containerActions[m.Action]
	if !ok {
		return engine.Event{}, false
	}
	event.Action = action
	if action == engine.ActionKill {
		event.Signal = signalNumber(m.Actor.Attributes["signal"])
	}
	return event, true
}
