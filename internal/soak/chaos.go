package main

import (
	"context"
	"fmt"
	"time"

	"github.com/ballast-lb/ballast/proxy/balance"
)

// chaos lets backends go and come back, one at a time: so there is always one that lives. It belongs to one
// goroutine.
type chaos struct {
	s      *soak
	f      *front
	d      dice
	policy string
	// present says which backends are in the snapshot, started since when.
	present []bool
	started []int64
	// counts says how often each act was done.
	counts [acts]int
}

// act is something that happens to a backend.
type act int

const (
	actRemove  act = iota // It leaves the snapshot, and comes back as another container.
	actRestart            // It is drained, stopped, and started as another container.
	actDie                // It dies, and lives again.
	actRefuse             // It takes no new connections for a while.
	actSick               // Its check fails for a while.
	actPolicy             // The pool gets another policy.
	acts
)

var actNames = [acts]string{"removed and added", "drained and restarted", "died", "refused connections", "unhealthy", "policy changed"}

func newChaos(s *soak, f *front) *chaos {
	c := &chaos{s: s, f: f, d: newDice(s.seed, 0, streamAnswer), policy: balance.PolicyWeighted}
	c.present, c.started = make([]bool, s.backends), make([]int64, s.backends)
	for i := range c.present {
		c.present[i] = true
	}
	return c
}

// run does one act after the other until ctx ends. All backends are there then.
func (c *chaos) run(ctx context.Context) {
	for c.pause(ctx) {
		victim, a := c.d.below(c.s.backends), act(c.d.below(int(acts)))
		if err := c.do(ctx, a, victim); err != nil {
			c.s.fail("a backend %s: %v", actNames[a], err)
			c.s.stopped.Store(true)
			return
		}
		c.counts[a]++
	}
}

// pause waits for up to a fifth of a second. It is false when ctx has ended.
func (c *chaos) pause(ctx context.Context) bool {
	timer := time.NewTimer(time.Duration(1+c.d.below(200)) * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (c *chaos) do(ctx context.Context, a act, victim int) error {
	o := c.s.origins[victim]
	alive := context.WithoutCancel(ctx) // What was begun is undone.
	switch a {
	case actRemove:
		c.present[victim] = false
		if err := c.apply(); err != nil {
			return err
		}
		c.pause(ctx)
		c.present[victim] = true
		c.started[victim]++
		return c.apply()
	case actRestart:
		return c.restart(alive, o, victim)
	case actDie:
		return c.down(ctx, o, victim, o.die)
	case actRefuse:
		return c.down(ctx, o, victim, o.stopListening)
	case actSick:
		if err := c.ask(command{Op: opHealth, Backend: c.backend(victim)}); err != nil {
			return err
		}
		c.pause(ctx)
		return c.ask(command{Op: opHealth, Backend: c.backend(victim), Healthy: true})
	}
	policies := []string{balance.PolicyWeighted, balance.PolicyRoundRobin, balance.PolicyRandom, balance.PolicyLeastRequest}
	c.policy = policies[c.d.below(len(policies))]
	return c.apply()
}

// down ends a backend, and starts it again after a while.
func (c *chaos) down(ctx context.Context, o *origin, victim int, end func()) (err error) {
	c.s.downs.during(func() {
		c.s.deaths.during(end)
		c.pause(ctx)
		err = c.revive(context.WithoutCancel(ctx), o, victim)
	})
	return err
}

// revive starts a backend again, and does what a check would do then: the front may have ejected it.
func (c *chaos) revive(ctx context.Context, o *origin, victim int) error {
	if err := o.start(ctx); err != nil {
		return err
	}
	return c.ask(command{Op: opHealth, Backend: c.backend(victim), Healthy: true})
}

// restart is what must cost no request: there is none when the backend goes.
func (c *chaos) restart(ctx context.Context, o *origin, victim int) error {
	if err := c.ask(command{Op: opDrain, Backend: c.backend(victim)}); err != nil {
		return err
	}
	o.shut.Store(true)
	c.pause(ctx)
	o.die()
	o.running.Wait() // What clients have left there must not be taken for a request that comes later.
	o.shut.Store(false)
	if err := o.start(ctx); err != nil {
		return err
	}
	c.started[victim]++
	if err := c.apply(); err != nil {
		return err
	}
	return c.ask(command{Op: opUndrain, Backend: c.backend(victim)})
}

// apply makes the front know the pools as they are.
func (c *chaos) apply() error {
	main := poolSpec{Name: poolNames[poolMain], Policy: c.policy, Timeout: answerLimit, Retries: c.s.backends, Breaker: 5}
	for i, present := range c.present {
		if present {
			main.Backends = append(main.Backends, c.backend(i))
		}
	}
	hurry := poolSpec{
		Name: poolNames[poolHurry], Policy: balance.PolicyWeighted, Timeout: hurry,
		Backends: []backendSpec{{Name: "hurry", Address: c.s.origins[c.s.backends].address}},
	}
	none := poolSpec{Name: poolNames[poolNone], Policy: balance.PolicyWeighted}
	return c.ask(command{Op: opApply, Pools: []poolSpec{hurry, main, none}})
}

// hurry is the timeout of the pool whose backend never answers.
const hurry = 200 * time.Millisecond

func (c *chaos) backend(i int) backendSpec {
	return backendSpec{Name: fmt.Sprintf("backend-%03d", i), Started: c.started[i], Address: c.s.origins[i].address}
}

func (c *chaos) ask(cmd command) error {
	_, err := c.f.ask(cmd)
	return err
}
