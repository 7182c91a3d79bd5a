package history

import (
	"sort"
	"strconv"
)

// Series is some time of a pool in columns of equal length, oldest first. Usually a point is a second; where the pool was
// away, or this process slept, there is none.
type Series struct {
	Pool string `json:"pool"`
	// Time is when, in milliseconds of Unix time.
	Time []int64 `json:"time"`
	// Requests, Errors and Held are per second since the point before: requests that ended, those of them that were errors,
	// and requests that ended to wait for a backend.
	Requests Column `json:"requests"`
	Errors   Column `json:"errors"`
	Held     Column `json:"held"`
	// P50, P95 and P99 are how long requests took that ended since then, in milliseconds; null if there was none.
	P50 Column `json:"p50_ms"`
	P95 Column `json:"p95_ms"`
	P99 Column `json:"p99_ms"`
	// The others are of that moment. InFlight counts the Queued too; Capacity is how many requests the ready replicas may
	// serve at once, 0 without a limit.
	InFlight Column `json:"in_flight"`
	Queued   Column `json:"queued"`
	Capacity Column `json:"capacity"`
	Ready    Column `json:"ready"`
	Desired  Column `json:"desired"`
	Starting Column `json:"starting"`
	Warm     Column `json:"warm"`
}

// Column is numbers of three digits. One that is not known is NaN, and null in JSON.
type Column []float32

// MarshalJSON implements json.Marshaler.
func (c Column) MarshalJSON() ([]byte, error) {
	out := append(make([]byte, 0, 2+6*len(c)), '[')
	for i, f := range c {
		if i > 0 {
			out = append(out, ',')
		}
		if f != f { // So is only what is not a number.
			out = append(out, "null"...)
			continue
		}
		out = strconv.AppendFloat(out, float64(f), 'f', -1, 32)
	}
	return append(out, ']'), nil
}

// series is what came after since, in milliseconds of Unix time.
func (r *ring) series(since int64) Series {
	oldest := r.next - r.count + Span
	nth := func(i int) *point { return &r.points[(oldest+i)%Span] }
	// The clock may have been set back: what is told then is what follows the last point that is as old as since.
	from := sort.Search(r.count, func(i int) bool { return nth(i).unixMilli() > since })
	n := r.count - from
	s := Series{Time: make([]int64, 0, n)}
	columns := s.columns()
	for _, c := range columns {
		*c = make(Column, 0, n)
	}
	for i := from; i < r.count; i++ {
		p := nth(i)
		s.Time = append(s.Time, p.unixMilli())
		for j, f := range p.numbers() {
			*columns[j] = append(*columns[j], f)
		}
	}
	return s
}

// columns are the series' and numbers a point's, in the same order.
func (s *Series) columns() []*Column {
	return []*Column{
		&s.Requests, &s.Errors, &s.Held, &s.P50, &s.P95, &s.P99, &s.InFlight, &s.Queued, &s.Capacity,
		&s.Ready, &s.Desired, &s.Starting, &s.Warm,
	}
}

func (p *point) numbers() [13]float32 {
	return [13]float32{
		p.requests, p.errors, p.held, p.p50, p.p95, p.p99, p.inFlight, p.queued, p.capacity,
		float32(p.ready), float32(p.desired), float32(p.starting), float32(p.warm),
	}
}
