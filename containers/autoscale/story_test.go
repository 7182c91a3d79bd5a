package autoscale

import (
	"fmt"
	"slices"
	"time"
)

// story is a pool whose decisions are carried out, so that what Decide wants has consequences.
type story struct {
	Policy
	Sample
	history History
	start   time.Time
	now     time.Time
	// boot is how long a new clone takes to become ready.
	boot    time.Duration
	booting []time.Time
	made    int
	// told are the decisions as "1.2s scale-out 3->4"; reasons and decided go with them.
	told    []string
	decided []Decision
	last    Outcome
	// seen is the sample that the last outcome was made from.
	seen Sample
}

func newStory(p Policy, originals, clones int) *story {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s := &story{Policy: p, start: start, now: start, boot: time.Second}
	s.Originals, s.Ready = originals, originals
	for range clones {
		s.add()
	}
	return s
}

func (s *story) add() {
	s.made++
	s.Ready++
	s.Clones = append(s.Clones, Clone{ID: fmt.Sprint("id", s.made), Name: fmt.Sprint("ballast-p-", s.made)})
}

// run lets time pass with so many requests in flight and so many per second, which take as long as follows from that.
func (s *story) run(d time.Duration, inFlight, perSecond float64) *story {
	arrived := float64(s.Sample.Requests)
	for end := s.now.Add(d); s.now.Before(end); {
		s.now = s.now.Add(Tick)
		for len(s.booting) > 0 && !s.now.Before(s.booting[0]) {
			s.booting = s.booting[1:]
			s.Starting--
			s.add()
		}
		s.StartTakes, s.StartingFor = s.boot, 0
		if len(s.booting) > 0 {
			s.StartingFor = s.now.Sub(s.booting[0].Add(-s.boot))
		}
		s.InFlight = int(inFlight)
		s.Busy += inFlight * Tick.Seconds()
		arrived += perSecond * Tick.Seconds()
		s.Sample.Requests = uint64(arrived + 1e-6)
		if perSecond > 0 {
			s.Served = s.Sample.Requests
			s.Service += inFlight * Tick.Seconds()
		}
		s.seen = s.Sample
		s.seen.Clones = slices.Clone(s.Clones)
		s.last = Decide(s.now, s.Policy, &s.history, s.Sample)
		if s.last.Decided {
			s.carryOut(s.last.Decision)
		}
	}
	return s
}

func (s *story) carryOut(d Decision) {
	s.decided = append(s.decided, d)
	dry := ""
	if d.DryRun {
		dry = " dry"
	}
	s.told = append(s.told, fmt.Sprintf("%s %s %d->%d%s", s.now.Sub(s.start), d.Action, d.From, d.To, dry))
	if d.DryRun {
		return
	}
	for range d.To - d.From {
		boot := s.boot
		if s.Warm > 0 {
			s.Warm--
			boot = Tick
		}
		s.Starting++
		s.booting = append(s.booting, s.now.Add(boot))
	}
	slices.SortFunc(s.booting, time.Time.Compare)
	if s.zeroed(d) {
		s.Ready, s.Starting, s.Originals, s.booting = 0, 0, 0, nil
	}
	for _, id := range d.Victims {
		if d.To == 0 {
			s.Clones = nil
			continue
		}
		s.Clones = slices.DeleteFunc(s.Clones, func(c Clone) bool { return c.ID == id })
		s.Ready--
	}
}

// zeroed says that the decision gives up all there is.
func (s *story) zeroed(d Decision) bool { return d.Action == ActionScaleIn && d.To == 0 }
