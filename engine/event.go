package engine

import "time"

// Action is what happened to a container.
type Action string

// The actions that Ballast acts on; engines drop all others.
const (
	// ActionSubscribed is not of a container: it says that the subscription stands.
	ActionSubscribed Action = "subscribed"
	ActionCreate     Action = "create"
	ActionStart      Action = "start"
	// ActionKill says that a signal was sent. A stop begins with the container's stop signal,
	// long before ActionDie.
	ActionKill    Action = "kill"
	ActionDie     Action = "die"
	ActionStop    Action = "stop"
	ActionPause   Action = "pause"
	ActionUnpause Action = "unpause"
	ActionHealth  Action = "health"
	ActionDestroy Action = "destroy"
	ActionRename  Action = "rename"
	// ActionNetwork says that the container was attached to a network or detached from one.
	ActionNetwork Action = "network"
)

// Event says that something happened to a container.
type Event struct {
	Action Action
	// ID is the container's; Name is empty where the engine does not tell it.
	ID, Name string
	// Signal is the number sent with ActionKill.
	Signal int
	// Health is the new state with ActionHealth.
	Health Health
	// Time is by the engine's clock.
	Time time.Time
}
