package sim

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

const (
	// maxIntervals bounds what ReadTrace takes: half a year of seconds.
	maxIntervals = 16 << 20
	// maxPerInterval is the most requests of one interval: nobody means more, and a sum of them stays exact.
	maxPerInterval = 1e9
)

// Trace is how many requests came in each interval.
type Trace struct {
	Name string
	// About says where it is from, in a line.
	About string
	// Resolution is how long an interval is.
	Resolution time.Duration
	// Requests of each interval.
	Requests []float64
	// Random says that Requests are expectations, from which each seed draws its own counts; otherwise they came so.
	Random bool
	// Steps are the moments from which on much more is asked for than before; none if that is not known.
	Steps []time.Duration
	// FromZero says that the trace is meant for pools which run nothing when idle.
	FromZero bool
	// Slots and Service are those of the pool that it was recorded from; 0 if that is not known.
	Slots   int
	Service time.Duration
}

// Duration is how long the trace lasts.
func (t *Trace) Duration() time.Duration {
	return time.Duration(len(t.Requests)) * t.Resolution
}

// Total is the number of requests, an expectation if Random.
func (t *Trace) Total() float64 {
	sum := 0.0
	for _, n := range t.Requests {
		sum += n
	}
	return sum
}

// rate is how many requests per second come at a moment.
func (t *Trace) rate(at time.Duration) float64 {
	i := int(at / t.Resolution)
	if i < 0 || i >= len(t.Requests) {
		return 0
	}
	return t.Requests[i] / t.Resolution.Seconds()
}

// steadyNeed is how many replicas the busiest minute needs at rest: the slots A that its rate keeps busy by Little's
// law, and 2*sqrt(A) of headroom, which is the square-root staffing rule.
func (t *Trace) steadyNeed(slots int, service time.Duration) int {
	width := min(max(1, int(time.Minute/t.Resolution)), len(t.Requests))
	sum, most := 0.0, 0.0
	for i, n := range t.Requests {
		sum += n
		if i >= width {
			sum -= t.Requests[i-width]
		}
		most = max(most, sum)
	}
	perSecond := most / (time.Duration(width) * t.Resolution).Seconds()
	busy := perSecond * service.Seconds()
	return max(1, int(math.Ceil((busy+2*math.Sqrt(busy))/float64(slots)-1e-9)))
}

// Scale returns the trace with so many times the requests per second, at so many times the speed: 24 makes an hour of a
// day. What is scaled is Random.
func (t *Trace) Scale(rate, speed float64) *Trace {
	if rate == 1 && speed == 1 {
		return t
	}
	scaled := *t
	scaled.Random = true
	scaled.Resolution = max(time.Millisecond, time.Duration(float64(t.Resolution)/speed))
	scaled.Requests = make([]float64, len(t.Requests))
	for i, n := range t.Requests {
		scaled.Requests[i] = n * rate / speed
	}
	scaled.Steps = make([]time.Duration, len(t.Steps))
	for i, at := range t.Steps {
		scaled.Steps[i] = time.Duration(float64(at) / speed)
	}
	return &scaled
}

// ReadTrace reads a CSV: comments (#), a header line, and one number of requests a line. Comments may tell
// resolution_seconds (1 if none does), slots and service_seconds; the first that tells nothing becomes About.
func ReadTrace(r io.Reader) (*Trace, error) {
	t := &Trace{Resolution: time.Second}
	lines := bufio.NewScanner(r)
	header := false
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff"))
		comment, isComment := strings.CutPrefix(line, "#")
		var err error
		switch {
		case line == "":
		case isComment:
			err = t.comment(strings.TrimSpace(comment))
		case !header && len(t.Requests) == 0 && strings.EqualFold(line, "requests"):
			header = true
		default:
			err = t.count(line)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(t.Requests) == 0 {
		return nil, errors.New("there is no number of requests in it, which is to be one per line after the header \"requests\"")
	}
	return t, nil
}

// comment reads "key=value"; anything else is prose.
func (t *Trace) comment(text string) error {
	key, value, ok := strings.Cut(text, "=")
	switch key = strings.TrimSpace(key); {
	case ok && key == "resolution_seconds":
		return durationOf(&t.Resolution, key, value)
	case ok && key == "service_seconds":
		return durationOf(&t.Service, key, value)
	case ok && key == "slots":
		n, err := strconv.Atoi(strings.TrimSpace(value))
		if err != nil || n < 1 || n > maxSlots {
			return fmt.Errorf("slots=%s must be a whole number of 1 to %d", strings.TrimSpace(value), maxSlots)
		}
		t.Slots = n
	case t.About == "":
		t.About = text
	}
	return nil
}

func durationOf(d *time.Duration, key, value string) error {
	value = strings.TrimSpace(value)
	seconds, err := strconv.ParseFloat(value, 64)
	if err != nil || !(seconds >= 0.001 && seconds <= 86400) { // Not even a NaN passes.
		return fmt.Errorf("%s=%s must be a number of seconds, 0.001 to 86400", key, value)
	}
	*d = time.Duration(seconds * float64(time.Second))
	return nil
}

func (t *Trace) count(line string) error {
	n, err := strconv.ParseFloat(line, 64)
	if err != nil || !(n >= 0 && n <= maxPerInterval) {
		return fmt.Errorf("%.40q must be a number of requests, 0 or more, alone on its line", line)
	}
	if len(t.Requests) == maxIntervals {
		return fmt.Errorf("more than %d intervals: make them longer (resolution_seconds), or split the trace", maxIntervals)
	}
	if n != math.Trunc(n) {
		t.Random = true
	}
	t.Requests = append(t.Requests, n)
	return nil
}
