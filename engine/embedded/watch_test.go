package embedded_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ballast-lb/ballast/engine"
	"github.com/ballast-lb/ballast/engine/embedded"
)

func TestEngine_Watch_never_blocks_the_engine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t, embedded.Options{Images: map[string]embedded.Image{"none": nil}})
		id := run(t, e, "web-a", "none", nil)
		const changes = 1000
		seen := 0
		for event, err := range e.Watch(t.Context(), time.Time{}) {
			if err != nil {
				t.Fatal(err)
			}
			if event.Action == engine.ActionSubscribed {
				for range changes {
					if err := errors.Join(e.Pause(t.Context(), id), e.Unpause(t.Context(), id)); err != nil {
						t.Fatal(err)
					}
				}
				continue
			}
			if event.Action == engine.ActionDestroy {
				break
			}
			if seen++; seen == 256 {
				// What was lost is lost; what comes now is seen.
				if err := e.Remove(t.Context(), id, true); err != nil {
					t.Fatal(err)
				}
			}
		}
		// Of a removal two more come before the last: kill and die.
		if seen != 258 {
			t.Errorf("a watcher that slept saw %d events of %d, want 258", seen, 2*changes)
		}
	})
}

func TestEngine_Watch_replays_the_last_256(t *testing.T) {
	e := open(t, embedded.Options{Images: map[string]embedded.Image{"none": nil}})
	for i := range 200 {
		run(t, e, fmt.Sprintf("web-%d", i), "none", nil)
	}
	seen := 0
	for event, err := range e.Watch(t.Context(), time.Unix(1, 0)) {
		if err != nil {
			t.Fatal(err)
		}
		if seen++; event.Name == "web-199" && event.Action == engine.ActionStart {
			break
		}
	}
	if seen != 257 {
		t.Errorf("%d events were yielded, want the subscription and 256", seen)
	}
}
