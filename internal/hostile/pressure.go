package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"
)

// maxRatio is how much longer than in the calm the good clients' 99th percentile may be under attack.
const maxRatio = 2.0

// pressure is the part with attackers.
type pressure struct {
	*stage
	*report

	// lanes are where good clients go, through Ballast and through the relay, and calm and attacked how they fared there.
	lanes          [2]lane
	calm, attacked [2]served
	heads          []curve
	stalled        [2][]time.Duration // Of slow bodies, and of slow readers.
	left           []int              // Orphans, by round.
	peak           usage
}

// runAttacks has good clients in calm and under attack, in turns.
func runAttacks(ctx context.Context, st *stage, r *report) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	relay, stop, err := st.startRelay(ctx, self)
	if err != nil {
		return err
	}
	defer stop()
	p := &pressure{stage: st, report: r, lanes: [2]lane{{st.address, "/lb/bytes?n=1024"}, {relay, "/bytes?n=1024"}}}
	r.say("\nattacks: %d slow heads, bodies and readers each; good clients make %d requests/s", st.connections, st.rate)
	p.goodFor(ctx, 2*time.Second) // Fills pools and caches, and does not count.
	start, err := p.rest(ctx, usage{})
	if err != nil {
		return err
	}
	for round := range st.rounds {
		calm := p.goodFor(ctx, st.calm)
		attacked, err := p.attack(ctx, fmt.Sprintf("round%d", round))
		if err != nil {
			return err
		}
		for i, name := range []string{"Ballast", "relay"} {
			r.say("round %d, %s: p50 %.3f ms in calm, %.3f ms under attack; p99 %.3f ms, %.3f ms: %.2f x", round+1, name,
				millis(calm[i].p50()), millis(attacked[i].p50()), millis(calm[i].p99()), millis(attacked[i].p99()), growth(calm[i], attacked[i]))
			p.calm[i], p.attacked[i] = p.calm[i].and(calm[i]), p.attacked[i].and(attacked[i])
		}
	}
	end, err := p.rest(ctx, start)
	if err != nil {
		return err
	}
	p.judge(start, end)
	return nil
}

// growth is how much longer the 99th percentile is under attack than in calm.
func growth(calm, attacked served) float64 {
	return float64(attacked.p99()) / float64(max(calm.p99(), 1))
}

func (p *pressure) goodFor(ctx context.Context, d time.Duration) [2]served {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return p.good(ctx)
}

// good has good clients in both lanes until ctx ends.
func (p *pressure) good(ctx context.Context) (fared [2]served) {
	var all sync.WaitGroup
	for i, l := range p.lanes {
		c := clients{lane: l, rate: p.rate}
		all.Go(func() { fared[i] = c.serve(ctx) })
	}
	all.Wait()
	return fared
}

// attack has good clients from the first attacker's connection until the last slow body and reader has been cut. Slow heads,
// which are cut much sooner, come again and again.
func (p *pressure) attack(ctx context.Context, tag string) ([2]served, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	attackers := [2]attack{slowBodies(tag + "bodies"), slowReaders(tag + "readers")}
	var all sync.WaitGroup
	var good [2]served
	all.Go(func() { good = p.good(ctx) })
	errs := make([]error, 1+len(attackers))
	all.Go(func() { errs[0] = p.headsUntil(ctx) })
	for i, a := range attackers {
		all.Go(func() { _, errs[1+i] = a.run(ctx, p.base, p.work, p.connections) })
	}
	holds, err := p.watch(ctx, tag)
	if err == nil {
		var left int
		left, err = orphans()
		p.left = append(p.left, left)
	}
	ended := ctx.Err()
	cancel()
	all.Wait()
	for i := range holds {
		p.stalled[i] = append(p.stalled[i], holds[i]...)
	}
	for _, e := range errs {
		if !errors.Is(e, context.Canceled) {
			err = errors.Join(err, e)
		}
	}
	return good, errors.Join(err, ended)
}

func (p *pressure) headsUntil(ctx context.Context) error {
	for {
		c, err := slowHeads().run(ctx, p.base, p.work, p.connections)
		if err != nil {
			return err
		}
		p.heads = append(p.heads, c)
	}
}

// watch returns when the backend has been let go by all slow bodies and readers, or when they should have been long ago, and
// tells how long each was held.
func (p *pressure) watch(ctx context.Context, tag string) (holds [2][]time.Duration, err error) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for end := time.Now().Add(opening + idleLimit + late); time.Now().Before(end); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return holds, ctx.Err()
		}
		done := true
		for i, name := range []string{"bodies", "readers"} {
			text, err := fetch(ctx, "http://"+p.originAddress+"/held?tag="+tag+name)
			var h held
			if err = errors.Join(err, json.Unmarshal(text, &h)); err != nil {
				return holds, fmt.Errorf("ask the backend what it holds: %w", err)
			}
			holds[i] = hostileOnes(h.Ended)
			done = done && h.Open == 0 && len(holds[i]) >= p.connections
		}
		if done {
			break
		}
		if err := p.note(); err != nil {
			return holds, err
		}
	}
	return holds, nil
}

// hostileOnes leaves out the probes by which slowhttptest finds out whether others are still served.
func hostileOnes(ended []time.Duration) []time.Duration {
	const probe = 6 * time.Second // It waits for 5.
	return slices.DeleteFunc(slices.Clone(ended), func(d time.Duration) bool { return d < probe })
}
