package autoscale

import (
	"iter"
	"math"
	"math/bits"
	"slices"
	"time"
)

const (
	// TraceSpan is how far back a Trace goes, but for up to a chunk more.
	TraceSpan = 24 * time.Hour
	// traceChunk is how many seconds are packed together, traceChunks how many of these are kept.
	traceChunk  = 600
	traceChunks = int(TraceSpan/time.Second) / traceChunk
)

// Counters are what a Trace is fed with: sums since any fixed moment.
type Counters struct {
	// Requests, Served and Service are as Sample has them.
	Requests, Served uint64
	Service          float64
}

// Trace is how many requests came in each second of the last day. What varies little takes little: a day is 13 KB where
// nothing comes, and 46, 67, 82 and 99 KB at 1, 10, 100 and 1000 requests per second that come by chance; a whole day of
// anything is at most 0.4 MB. It grows with what it has seen. The zero value has seen nothing.
type Trace struct {
	// started is when the first second of all began, seconds how many there have been.
	started time.Time
	seconds int
	last    Counters

	// packed are whole chunks, oldest first; open is the one that is filled, from the counters in begun on.
	packed []packed
	open   []uint32
	begun  Counters
}

// Add notes the counters at a moment, about a second after the last one. If more time has passed, what came is taken to have
// come evenly; if there were more requests before, the counters began anew.
func (t *Trace) Add(now time.Time, c Counters) {
	if t.started.IsZero() {
		t.started, t.last, t.begun = now, c, c
		return
	}
	if c.Requests < t.last.Requests {
		t.restart()
	}
	// They are not read at quite the same moment, so these may be a little behind.
	c.Served, c.Service = max(c.Served, t.last.Served), max(c.Service, t.last.Service)
	// To the nearest second, or a tick that is a little early would be a second without requests.
	fresh := int(now.Sub(t.started).Round(time.Second)/time.Second) - t.seconds
	if fresh <= 0 {
		return
	}
	grown := c.Requests - t.last.Requests
	t.last = c
	// What is older than the span need not be noted one by one.
	if skip := fresh - traceChunks*traceChunk; skip > 0 {
		t.seconds += skip
		grown -= grown / uint64(fresh) * uint64(skip)
		fresh -= skip
	}
	for i := range fresh {
		share := grown / uint64(fresh-i)
		grown -= share
		t.note(uint32(min(share, math.MaxUint32)))
	}
}

// restart goes on with counters that began at 0 again.
func (t *Trace) restart() {
	t.last, t.begun = Counters{}, Counters{}
	for i := range t.packed { // What requests took is known from here on.
		t.packed[i].begun = Counters{}
	}
}

func (t *Trace) note(requests uint32) {
	t.seconds++
	if t.open = append(t.open, requests); len(t.open) < traceChunk {
		return
	}
	if len(t.packed) == traceChunks {
		t.packed = slices.Delete(t.packed, 0, 1)
	}
	p := pack(t.open)
	p.begun = t.begun
	t.packed, t.open, t.begun = append(t.packed, p), t.open[:0], t.last
}

// Record is a Trace as it was at one moment. It never changes.
type Record struct {
	// Started is when its first second began.
	Started time.Time
	// Service is the mean of what requests took at backends in it, in seconds; 0 if none was served.
	Service float64
	packed  []packed
	open    []uint32
}

// Record copies the trace; that costs little, whatever its length is.
func (t *Trace) Record() Record {
	r := Record{packed: slices.Clone(t.packed), open: slices.Clone(t.open)}
	kept := len(t.packed)*traceChunk + len(t.open)
	r.Started = t.started.Add(time.Duration(t.seconds-kept) * time.Second)
	from := t.begun
	if len(t.packed) > 0 {
		from = t.packed[0].begun
	}
	if n := t.last.Served - from.Served; n > 0 {
		r.Service = (t.last.Service - from.Service) / float64(n)
	}
	return r
}

// Seconds yields the requests of each second, oldest first.
func (r Record) Seconds() iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for _, p := range r.packed {
			for i := range traceChunk {
				if !yield(p.at(i)) {
					return
				}
			}
		}
		for _, n := range r.open {
			if !yield(n) {
				return
			}
		}
	}
}

// packed is a chunk of numbers: how much each is above the least of them, in as few bits as the greatest needs. It is
// never written to.
type packed struct {
	least uint32
	width uint8
	words []uint64
	// begun is what the counters were when the chunk began.
	begun Counters
}

func pack(numbers []uint32) packed {
	least := slices.Min(numbers)
	p := packed{least: least, width: uint8(bits.Len32(slices.Max(numbers) - least))}
	if p.width == 0 {
		return p
	}
	p.words = make([]uint64, (len(numbers)*int(p.width)+63)/64)
	for i, n := range numbers {
		word, bit := i*int(p.width)/64, i*int(p.width)%64
		p.words[word] |= uint64(n-least) << bit
		if bit+int(p.width) > 64 {
			p.words[word+1] |= uint64(n-least) >> (64 - bit)
		}
	}
	return p
}

func (p packed) at(i int) uint32 {
	if p.width == 0 {
		return p.least
	}
	word, bit := i*int(p.width)/64, i*int(p.width)%64
	n := p.words[word] >> bit
	if bit+int(p.width) > 64 {
		n |= p.words[word+1] << (64 - bit)
	}
	return p.least + uint32(n&(1<<p.width-1))
}
