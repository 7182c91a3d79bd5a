package containers

import "context"

// KeepAll has the Fleet give up nothing from now on, or again what is too much: as long as it is on, nothing that runs is
// stopped, paused or removed, and nothing is healed, for another Ballast may serve with it. What was about to go or to be
// restarted is taken back, whatever the reason was, unless it is being stopped already. Replicas that are missing are brought as
// always.
func (f *Fleet) KeepAll(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.keeps = on
	if on {
		f.takeBack()
	}
	f.nudge()
}

// takeBack takes back all that is about to go and can be: that is decided now, and done by the next plan.
func (f *Fleet) takeBack() {
	for _, c := range f.clones {
		if c.phase == cloneRetiring && c.draining && !c.dead() {
			f.returns = append(f.returns, f.returning(c))
		}
	}
	for _, o := range f.originals {
		switch {
		case !o.draining:
		case o.phase == originalStopping:
			f.returns = append(f.returns, f.sparing(f.pool(o.pool), o))
		case o.phase == originalRestarting:
			f.returns = append(f.returns, f.letting(o))
		}
	}
}

// reduce begins what gives up what is too much for the pool's goal, unless all is to be kept.
func (f *Fleet) reduce(p *fleetPool) (work []func(context.Context)) {
	if f.keeps {
		return nil
	}
	for _, c := range f.surplus(p) {
		work = append(work, f.retirement(c, true))
	}
	return append(work, f.stops(p)...)
}
