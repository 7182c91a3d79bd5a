package proxy

import (
	"runtime"
	"sync/atomic"
	"time"
)

// load counts requests and integrates how many are in flight over time, exactly and without a lock:
// with n in flight at t the integral is acc + n*t, if acc is the sum of all ends minus the sum of
// all beginnings. Times are since one fixed moment.
//
// acc and n must be read together, so each change is counted twice: before it in begun or ended, and
// after it in settled. If these agree, no change was halfway.
type load struct {
	begun, ended, settled atomic.Uint64
	acc                   atomic.Int64 // Microseconds.
}

func (l *load) begin(at time.Duration) {
	l.begun.Add(1)
	l.acc.Add(-at.Microseconds())
	l.settled.Add(1)
}

func (l *load) end(at time.Duration) {
	l.ended.Add(1)
	l.acc.Add(at.Microseconds())
	l.settled.Add(1)
}

// read returns the number in flight and the integral at one moment.
func (l *load) read(at time.Duration) (inFlight int64, busy time.Duration) {
	for {
		settled := l.settled.Load()
		acc := l.acc.Load()
		ended := l.ended.Load()
		begun := l.begun.Load()
		if begun+ended == settled {
			n := int64(begun - ended)
			return n, time.Duration(acc+n*at.Microseconds()) * time.Microsecond
		}
		runtime.Gosched() // Somebody is between two of its three additions.
	}
}
