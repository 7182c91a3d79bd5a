package autoscale

import (
	"testing"
	"time"
)

func TestDecide_outlook(t *testing.T) {
	tests := []struct {
		name   string
		policy Policy
		sample Sample
		want   Outlook
	}{
		{"something serves", Policy{Max: 3}, Sample{Ready: 1}, Outlook{Coming: true}},
		{"one is starting", Policy{Max: 3}, Sample{Starting: 1, StartTakes: 5 * time.Second, StartingFor: 2 * time.Second}, Outlook{Coming: true, In: 3 * time.Second}},
		{"one can be started", Policy{Max: 3}, Sample{StartTakes: 5 * time.Second}, Outlook{Coming: true, In: 5 * time.Second}},
		{"one can be woken", Policy{Max: 3}, Sample{Warm: 1, WakeTakes: 40 * time.Millisecond}, Outlook{Coming: true, In: 100 * time.Millisecond}},
		{"waking takes long", Policy{Max: 3}, Sample{Warm: 1, WakeTakes: time.Second}, Outlook{Coming: true, In: time.Second}},
		{"how long waking takes is not known", Policy{Max: 3}, Sample{Warm: 1}, Outlook{Coming: true, In: guessWake}},
		{"one can be taken back", Policy{Max: 3}, Sample{Draining: 1, StartTakes: time.Minute}, Outlook{Coming: true, In: 100 * time.Millisecond}},
		{"how long starting takes is not known", Policy{Max: 3}, Sample{}, Outlook{Coming: true}},
		{"one is starting, and how long is not known", Policy{Max: 3}, Sample{Starting: 1, Warm: 1}, Outlook{Coming: true}},
		{"one is overdue", Policy{Max: 3}, Sample{Starting: 1, StartTakes: time.Second, StartingFor: 2 * time.Second}, Outlook{Coming: true}},
		{"one failure is none", Policy{Max: 3}, Sample{Blocked: "no image"}, Outlook{Coming: true}},
		{"nothing can be cloned", Policy{Max: 3}, Sample{Blocked: "it has a mount", Unfit: true}, Outlook{Why: "nothing runs, and nothing can be started: the dashboard says why"}},
		{"nothing can be cloned, but woken", Policy{Max: 3}, Sample{Warm: 1, Unfit: true}, Outlook{Coming: true, In: guessWake}},
		{"nothing can be cloned, but one starts", Policy{Max: 3}, Sample{Starting: 1, Blocked: "it has a mount", Unfit: true}, Outlook{Coming: true}},
		{"many are", Policy{Max: 3}, Sample{Blocked: "no image", Open: true}, Outlook{Why: "nothing runs, and what was tried to start it has failed: the dashboard says why"}},
		{"a trial after many is not worth waiting for", Policy{Max: 3}, Sample{Starting: 1, Open: true}, Outlook{Why: "nothing runs, and what was tried to start it has failed: the dashboard says why"}},
		{"engine restarts", Policy{Max: 3}, Sample{Stale: true, StaleFor: 29 * time.Second}, Outlook{}},
		{"engine gone", Policy{Max: 3}, Sample{Stale: true, StaleFor: 30 * time.Second}, Outlook{Why: "nothing runs, and the engine that could start it cannot be reached"}},
		{"dry run", Policy{Max: 3, DryRun: true}, Sample{}, Outlook{Why: "nothing runs, and scaling is a dry run"}},
		{"all sick", Policy{Max: 3}, Sample{Unhealthy: 3}, Outlook{Why: "all 3 replicas are unhealthy, and there may be no more"}},
		{"no scaling", Policy{}, Sample{}, Outlook{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Decide(epoch, tt.policy, &History{}, tt.sample).Outlook
			if got != tt.want {
				t.Errorf("Outlook = %+v, want %+v", got, tt.want)
			}
		})
	}
}
