package autoscale

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Why an act is refused, when Sample.Blocked is not it.
const (
	causeStale     = "the engine cannot be reached, so the number of replicas may be wrong: scaling is frozen"
	causeUnhealthy = "unhealthy replicas count towards the maximum"
)

// reasonOut explains a scale-out to so many replicas in all.
func (v *view) reasonOut(to int) string {
	return fmt.Sprintf("%s; %s: start %d", v.reasonWant(), v.running(), to-v.total())
}

// reasonIn explains a scale-in by so many replicas.
func (v *view) reasonIn(step int) string {
	if v.zero {
		return fmt.Sprintf("nothing was requested for %s; %s: stop all", v.Idle, v.running())
	}
	return fmt.Sprintf("%s; at most %d wanted in the last %s; %s: remove %d of %s, at most half of what serves every %s",
		v.reasonWant(), v.held, v.HoldDown, v.running(), step, plural(len(v.Clones), "clone"), scaleInEvery)
}

// reasonRefused explains why what is wanted is not done.
func (v *view) reasonRefused(cause string) string {
	switch {
	case cause == causeUnhealthy && v.Aside > 0:
		cause = fmt.Sprintf("what was taken out by hand and what is unhealthy count towards the maximum of %d", v.Max)
	case cause == causeUnhealthy:
		cause = fmt.Sprintf("%s of %d", cause, v.Max)
	}
	return fmt.Sprintf("%s; %s; %s", cause, v.reasonWant(), v.running())
}

// reasonWant explains how many are wanted, by the rule that wants most.
func (v *view) reasonWant() string {
	if v.Max <= 0 {
		return "scale.max is 0, so no clones are wanted"
	}
	r, most := v.most()
	why := v.reasonOf(r)
	if most > v.Max {
		why += fmt.Sprintf(", at most %d by %s", v.Max, limitBy("scale.max", v.MaxBy))
	}
	return why
}

func (v *view) reasonOf(r rule) string {
	want := plural(v.wants[r], "backend")
	switch r {
	case ruleHand:
		return fmt.Sprintf("at least %s, as %s set by hand", want, v.HandBy)
	case ruleBusy:
		return v.reasonBusy() + " -> " + want
	case ruleRate:
		return fmt.Sprintf("%s req/s / %d per backend -> %s", number(v.rate), v.RPS, want)
	case ruleCPU:
		return fmt.Sprintf("%s at %.0f %% of their processors, target %d %% -> %s", plural(v.Ready, "backend"), v.CPUUse, v.CPU, want)
	case ruleMemory:
		return fmt.Sprintf("%s at %.0f %% of their memory, target %d %% -> %s", plural(v.Ready, "backend"), v.MemoryUse, v.Memory, want)
	case ruleLatency:
		return fmt.Sprintf("p95 of %s, target %s, with %d of %d slots busy -> %s",
			v.P95.Round(time.Millisecond), v.Latency, v.InFlight-v.Queued, v.Ready*v.Concurrency, want)
	case ruleRequests:
		return fmt.Sprintf("%d requests in the last %s, more than %d -> %s", v.requests, v.Interval, v.Policy.Requests, want)
	}
	if v.Min == 0 {
		return "requests within the last " + v.Idle.String() + " -> 1 backend"
	}
	return fmt.Sprintf("at least %s by %s", plural(v.Min, "backend"), v.minBy())
}

// limitBy is where a limit comes from.
func limitBy(label, by string) string {
	if by != "" {
		return "what " + by + " set"
	}
	return label
}

func (v *view) minText() string {
	return fmt.Sprintf("minimum of %d by %s", v.Min, v.minBy())
}

func (v *view) minBy() string {
	by := limitBy("scale.min", v.MinBy)
	if v.MinMeant > 0 {
		by += fmt.Sprintf(", %d, held to the %s", v.MinMeant, v.maxText())
	}
	return by
}

func (v *view) maxText() string {
	return fmt.Sprintf("maximum of %d by %s", v.Max, limitBy("scale.max", v.MaxBy))
}

// reasonBusy is the calculation of the slots, such as "312 req/s x 0.1 s = 31.2 busy slots + 11.2 headroom = 42.4, 10 per
// backend".
func (v *view) reasonBusy() string {
	var b strings.Builder
	if v.bySlots {
		fmt.Fprintf(&b, "%s busy slots over %s", decimal(v.busy), seconds(v.over))
	} else {
		of := ""
		if v.service < v.whole {
			of = " of the " + number(v.whole.Seconds()) + " s that one takes"
		}
		fmt.Fprintf(&b, "%s req/s x %s s%s = %s busy slots", number(v.rate), number(v.service.Seconds()), of, decimal(v.busy))
	}
	if v.headroom > 0 {
		fmt.Fprintf(&b, " + %s headroom", decimal(v.headroom))
	}
	if v.backlog > 0 {
		fmt.Fprintf(&b, " + %s to clear %d waiting in %s", decimal(v.backlog), v.waiting, seconds(v.clear))
	}
	if v.headroom > 0 || v.backlog > 0 {
		fmt.Fprintf(&b, " = %s", decimal(v.busy+v.headroom+v.backlog))
	}
	fmt.Fprintf(&b, ", %d per backend", v.Concurrency)
	if v.tolerated {
		b.WriteString(", less than 5 % above what there is")
	}
	if v.capped {
		b.WriteString(", as many as need not be created")
	}
	return b.String()
}

// running counts what there is.
func (v *view) running() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d ready, %d starting", v.Ready, v.Starting)
	for _, f := range [...]struct {
		n    int
		what string
	}{{v.Unhealthy - v.Aside, "unhealthy"}, {v.Aside, "taken out by hand"}, {v.Draining, "draining"}, {v.Warm, "warm"}} {
		if f.n > 0 {
			fmt.Fprintf(&b, ", %d %s", f.n, f.what)
		}
	}
	return b.String()
}

// decimal writes tenths as a decimal number.
func decimal(tenths int) string {
	return strings.TrimSuffix(fmt.Sprintf("%d.%d", tenths/10, tenths%10), ".0")
}

// number writes a number with as many digits as it has, five after the point at most.
func number(x float64) string {
	return strconv.FormatFloat(math.Round(x*1e5)/1e5, 'f', -1, 64)
}

// seconds writes a duration to a tenth of a second.
func seconds(d time.Duration) string {
	return strings.TrimSuffix(strconv.FormatFloat(d.Seconds(), 'f', 1, 64), ".0") + " s"
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return strconv.Itoa(n) + " " + word + "s"
}
