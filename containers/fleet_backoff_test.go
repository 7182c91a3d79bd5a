package containers

import (
	"testing"
	"time"
)

func TestCreationBackoff_doubles_to_a_minute(t *testing.T) {
	var b creationBackoff
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for i, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		b.creating(now)
		began := now
		now = now.Add(time.Second / 4)
		b.failed(now, began, false, "why")
		if got := b.retryAt.Sub(now); got != want*time.Second {
			t.Fatalf("wait after failure %d = %v, want %v", i+1, got, want*time.Second)
		}
		if room := b.room(now, 0); room != 0 {
			t.Fatalf("room() = %d while it waits", room)
		}
		now = b.retryAt
		if one, none := b.room(now, 0), b.room(now, 1); one != 1 || none != 0 {
			t.Fatalf("room() = %d, then %d with one that is not ready; want 1 and 0", one, none)
		}
	}
	for range 1000 {
		b.failed(now, now, false, "why")
		now = now.Add(time.Hour)
	}
	if got := b.delay(); got != time.Minute {
		t.Errorf("wait after a thousand failures = %v, want 1m", got)
	}
}

func TestCreationBackoff(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	tests := []struct {
		name  string
		do    func(b *creationBackoff)
		now   int
		room  int
		wait  int // until retryAt, in seconds
		block bool
	}{
		{"without proof a few are tried", func(*creationBackoff) {}, 0, trials, 0, false},
		{"readiness is proof", func(b *creationBackoff) { b.ready() }, 0, unlimited, 0, false},
		{"a failure waits", func(b *creationBackoff) { b.failed(at(0), at(-1), false, "x") }, 0, 0, 1, true},
		{
			"those begun together fail together",
			func(b *creationBackoff) {
				for i := range 5 {
					b.failed(at(i), at(-1), false, "x")
				}
			}, 0, 0, 1, true,
		},
		{
			"readiness ends it",
			func(b *creationBackoff) { b.failed(at(0), at(-1), false, "x"); b.ready() }, 0, unlimited, 0, false,
		},
		{
			"readiness does not end it for what dies after it was ready",
			func(b *creationBackoff) {
				b.failed(at(0), at(-1), true, "x")
				b.ready()
				b.failed(at(5), at(3), true, "x")
				b.ready()
			}, 5, 0, 2, false,
		},
		{
			"a minute of life ends that too",
			func(b *creationBackoff) { b.failed(at(0), at(-1), true, "x"); b.settled() }, 0, unlimited, 0, false,
		},
		{
			"after a failure each creation keeps its distance",
			func(b *creationBackoff) { b.failed(at(0), at(-1), true, "x"); b.ready(); b.creating(at(9)) }, 9, 0, 1, false,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b creationBackoff
			tt.do(&b)
			if got := min(b.room(at(tt.now), 0), unlimited); got != tt.room {
				t.Errorf("room() = %d, want %d", got, tt.room)
			}
			if tt.wait > 0 {
				if got := b.retryAt.Sub(at(tt.now)); got != time.Duration(tt.wait)*time.Second {
					t.Errorf("wait = %v, want %d s", got, tt.wait)
				}
			}
			if (b.why != "") != tt.block {
				t.Errorf("why = %q, want one: %v", b.why, tt.block)
			}
		})
	}
}

// A template that has run for long is proof enough, unless clones have another image or one has failed.
func TestFleet_room_of_what_runs(t *testing.T) {
	now := time.Now()
	failed := creationBackoff{}
	failed.failed(now.Add(-time.Minute), now.Add(-2*time.Minute), false, "x")
	for _, tt := range []struct {
		name    string
		runs    time.Time
		image   string
		backoff creationBackoff
		want    int
	}{
		{name: "it has run for long", runs: now.Add(-provenAfter), want: unlimited},
		{name: "it has just been started", runs: now.Add(-provenAfter + time.Second), want: trials},
		{name: "it does not run", want: trials},
		{name: "clones have another image", runs: now.Add(-time.Hour), image: "shop:2", want: trials},
		{name: "a clone has failed", runs: now.Add(-time.Hour), backoff: failed, want: 1},
	} {
		p := &fleetPool{name: "web", image: tt.image, backoff: tt.backoff}
		p.template.ID = "a"
		f := &Fleet{pools: map[string]*fleetPool{"web": p}, originals: map[string]*fleetOriginal{"a": {id: "a", pool: "web", runs: tt.runs}}}
		if got := f.room(p, now); got != tt.want {
			t.Errorf("%s: room() = %d, want %d", tt.name, got, tt.want)
		}
	}
}
