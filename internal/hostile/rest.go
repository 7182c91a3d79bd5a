package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ballast-lb/ballast/internal/child"
)

const (
	// settleLimit is two collections of garbage in a process that has nothing to do: pipes that were used go with the second.
	settleLimit = 5 * time.Minute
	// spare is how many goroutines Ballast keeps for connections that come; see internal/soak.
	spare = 64
)

// note keeps the most that Ballast held. It must not take its time.
func (p *pressure) note() error {
	files, err := child.Files(p.ballast.PID())
	if err != nil {
		return err
	}
	p.peak.files = max(p.peak.files, files)
	p.peak.rss, err = child.PeakRSS(p.ballast.PID())
	return err
}

// rest waits until Ballast holds no more than at the start, but for goroutines that it keeps; with no start, for as long as
// it keeps connections to backends. It is no error if that does not come: the last figures tell.
func (p *pressure) rest(ctx context.Context, start usage) (now usage, err error) {
	const kept = 6 * time.Second
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for began := time.Now(); ; {
		if now, err = p.usage(ctx); err != nil {
			return now, err
		}
		took := time.Since(began)
		if start.files == 0 && took >= kept || start.files > 0 && now.back(start) || took > settleLimit {
			return now, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return now, ctx.Err()
		}
	}
}

// back says that no more is held than at the start.
func (u usage) back(start usage) bool {
	return u.files <= start.files && u.goroutines <= start.goroutines+spare
}

// judge says what was met.
func (p *pressure) judge(start, end usage) {
	p.say("at most %d descriptors and %.0f MB; at rest %d descriptors (%d at the start), %d goroutines (%d), %.1f MB (%.1f)",
		p.peak.files, megabytes(p.peak.rss), end.files, start.files, end.goroutines, start.goroutines, megabytes(end.rss), megabytes(start.rss))
	p.judgeGood()
	p.judgeHeads()
	for i, name := range []string{"bodies", "readers"} {
		p.judgeHolds("slow "+name, p.stalled[i])
	}
	p.atMost("orphaned connections when all are cut", float64(slices.Max(p.left)), float64(p.connections)/100, "")
	p.atMost("descriptors at rest", float64(end.files), float64(start.files), "")
	p.atMost("goroutines at rest", float64(end.goroutines), float64(start.goroutines+spare), "")
}

// judgeGood takes from the growth of Ballast's latency what the relay's grew as well.
func (p *pressure) judgeGood() {
	ballast, relay := growth(p.calm[0], p.attacked[0]), growth(p.calm[1], p.attacked[1])
	p.add("good clients' p99 under attack", fmt.Sprintf("at most %.4g x calm, or x the relay's", maxRatio),
		fmt.Sprintf("%.2f x, to %.3f ms (relay: %.2f x, to %.3f ms)", ballast, millis(p.attacked[0].p99()), relay, millis(p.attacked[1].p99())),
		ballast <= maxRatio*max(1, relay))
	both := p.calm[0].and(p.attacked[0])
	if both.why != nil {
		p.say("good clients: %v", both.why)
	}
	p.atMost(fmt.Sprintf("good clients' failures, of %d", both.latency.Count), float64(both.failed), 0, "")
}

// judgeHeads judges whole waves: the last one of a round ends with the round.
func (p *pressure) judgeHeads() {
	var opened, cut int
	var shortest, longest time.Duration
	for i, c := range p.heads {
		opened += c.opened
		if c.allCut {
			cut += c.opened
		}
		if longest = max(longest, c.held); i == 0 || c.held < shortest {
			shortest = c.held
		}
	}
	p.add("slow heads", window(headLimit), fmt.Sprintf("%d of %d cut, after %.1f-%.1f s (means of %d waves)",
		cut, opened, shortest.Seconds(), longest.Seconds(), len(p.heads)),
		opened > 0 && cut == opened && within(shortest, longest, headLimit))
}

// judgeHolds judges how long the backend was held.
func (p *pressure) judgeHolds(what string, holds []time.Duration) {
	want := p.connections * p.rounds
	if len(holds) == 0 {
		p.add(what, window(idleLimit), fmt.Sprintf("none of %d cut", want), false)
		return
	}
	shortest, longest := slices.Min(holds), slices.Max(holds)
	p.add(what, window(idleLimit), fmt.Sprintf("%d of %d cut, after %.1f-%.1f s", len(holds), want, shortest.Seconds(), longest.Seconds()),
		len(holds) >= want && within(shortest, longest, idleLimit))
}

func window(limit time.Duration) string {
	return fmt.Sprintf("cut after %.0f-%.0f s", (limit - early).Seconds(), (limit + late).Seconds())
}

func within(shortest, longest, limit time.Duration) bool {
	return shortest >= limit-early && longest <= limit+late
}
