package autoscale

import (
	"fmt"
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
	return fmt.Sprintf("%s; at most %d wanted in the last %s; %s: remove %d of %s, at most half of the spare every %s",
		v.reasonWant(), v.held, v.HoldDown, v.running(), step, plural(len(v.Clones), "clone"), scaleInEvery)
}

// reasonRefused explains why what is wanted is not done.
func (v *view) reasonRefused(cause string) string {
	if cause == causeUnhealthy {
		cause = fmt.Sprintf("%s of %d", cause, v.Max)
	}
	return fmt.Sprintf("%s; %s; %s", cause, v.reasonWant(), v.running())
}

// reasonWant explains how many are wanted, by the rule that wants most.
func (v *view) reasonWant() string {
	if v.Max <= 0 {
		return "scale.max is 0, so no clones are wanted"
	}
	var b strings.Builder
	switch most := max(v.byBusy, v.byRequests, v.Min); {
	case v.byBusy == most && v.Concurrency > 0:
		m := v.busiest()
		capacity := targetTenths * v.Concurrency
		// In tenths, rounded up: 1.001 is 1.1 and not 1.0, or two backends would look wrong.
		ratio := (m.tenths()*10 + capacity - 1) / capacity
		fmt.Fprintf(&b, "%s requests in flight over %s / (0.%d x %d per backend) = %s -> %s",
			decimal(m.tenths()), seconds(m.window), targetTenths, v.Concurrency, decimal(ratio), plural(v.byBusy, "backend"))
	case v.byRequests == most && v.byRequests > 0:
		fmt.Fprintf(&b, "%d requests in the last %s, more than %d -> %s",
			v.requests, v.Interval, v.Policy.Requests, plural(v.byRequests, "backend"))
	default:
		fmt.Fprintf(&b, "at least %s by scale.min", plural(v.Min, "backend"))
	}
	if max(v.byBusy, v.byRequests, v.Min) > v.Max {
		fmt.Fprintf(&b, ", at most %d by scale.max", v.Max)
	}
	return b.String()
}

// running counts what there is.
func (v *view) running() string {
	s := fmt.Sprintf("%d ready, %d starting", v.Ready, v.Starting)
	if v.Unhealthy > 0 {
		s += fmt.Sprintf(", %d unhealthy", v.Unhealthy)
	}
	return s
}

// decimal writes tenths as a decimal number.
func decimal(tenths int) string { return fmt.Sprintf("%d.%d", tenths/10, tenths%10) }

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
