package autoscale

import (
	"fmt"
	"time"
)

// Outlook is what who waits for a pool can expect.
type Outlook struct {
	// Coming says that something serves, or is on its way or will be asked for; In how long that takes, 0 if something
	// serves already or nobody knows.
	Coming bool
	In     time.Duration
	// Why says why nothing is coming, for clients to read.
	Why string
}

// outlook is for a pool as it is before this decision is carried out.
func (v *view) outlook() Outlook {
	switch {
	case v.Ready > 0:
		return Outlook{Coming: true}
	case v.Max > 0 && v.Open:
		// What is starting is a trial, of what has failed before. The engine's own words are for those who run it.
		return Outlook{Why: "nothing runs, and what was tried to start it has failed: the dashboard says why"}
	case v.Starting > 0:
		return Outlook{Coming: true, In: v.comesIn()}
	case v.Max <= 0:
		return Outlook{}
	case v.Stale && v.StaleFor < engineBack: // It restarts, most likely: who waits may see it come back.
		return Outlook{}
	case v.Stale:
		return Outlook{Why: "nothing runs, and the engine that could start it cannot be reached"}
	case v.PausedBy != "":
		return Outlook{Why: "nothing runs, and autoscaling is paused"}
	case v.DryRun:
		return Outlook{Why: "nothing runs, and scaling is a dry run"}
	case v.Blocked != "" && v.Unfit:
		return Outlook{Why: "nothing runs, and nothing can be started: the dashboard says why"}
	case v.Unhealthy >= v.Max:
		return Outlook{Why: fmt.Sprintf("all %d replicas are unhealthy, and there may be no more", v.Unhealthy)}
	}
	return Outlook{Coming: true, In: v.comesIn()}
}

// engineBack is how long an engine may take to restart, or a stream of events to stand again.
const engineBack = 30 * time.Second

// soon is the shortest time that an outlook tells: it holds until the next look, and should not be over by then.
const soon = 2 * Tick

// comesIn is how long it takes until the next capacity serves; 0 if nobody knows.
func (v *view) comesIn() time.Duration {
	// Waking never takes long. Starting is a guess until it has been seen.
	guessed := v.StartTakes <= 0 && (v.Starting > 0 || v.Warm+v.Draining == 0)
	overdue := v.Starting > 0 && v.next == 0
	if guessed || overdue {
		return 0
	}
	return max(v.next, soon)
}
