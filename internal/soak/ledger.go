package main

import "sync/atomic"

// ledger has what the origins know of each request, by its number: how often it came, and marks.
type ledger []atomic.Uint32

// mark is a fact about a request.
type mark uint32

const (
	// markKilled: its origin died and may not have finished it.
	markKilled mark = 1 << (8 + iota)
	// markKept: it met silence on a connection that had had another request before.
	markKept
	// markLate: it came when its origin had ended the connection already.
	markLate
)

const countMask = 1<<8 - 1

func newLedger(requests int) ledger { return make(ledger, requests+1) }

// receive counts a receipt, and returns how many there have been.
func (l ledger) receive(id uint64) int { return int(l[id].Add(1) & countMask) }

func (l ledger) receipts(id uint64) int { return int(l[id].Load() & countMask) }

func (l ledger) mark(id uint64, m mark) { l[id].Or(uint32(m)) }

func (l ledger) has(id uint64, m mark) bool { return l[id].Load()&uint32(m) != 0 }

// window counts events that take a moment, so that it can be told whether one has happened during a request.
type window struct{ begun, ended atomic.Uint64 }

// during counts f as an event.
func (w *window) during(f func()) {
	w.begun.Add(1)
	f()
	w.ended.Add(1)
}

// since says whether an event was going on at the moment when ended was read, or has begun after it.
func (w *window) since(ended uint64) bool { return w.begun.Load() != ended }
