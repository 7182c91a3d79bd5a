package main

import "math/rand/v2"

// stream keeps apart what is drawn for one request in different places.
type stream uint64

const (
	streamPlan stream = iota
	streamRequest
	streamAnswer
	streams
)

// dice gives random numbers that depend on the run's seed, the request and the stream only.
type dice struct{ source rand.PCG }

func newDice(seed, id uint64, s stream) dice {
	var d dice
	d.source.Seed(seed, mix(id*uint64(streams)+uint64(s)))
	return d
}

// below returns a number from 0 up to n, without n, which must be positive.
func (d *dice) below(n int) int { return int(d.source.Uint64() % uint64(n)) }

// one is true once in n times.
func (d *dice) one(n int) bool { return d.below(n) == 0 }

// size returns a length from 0 to 1<<bits, of which every order of magnitude is as likely.
func (d *dice) size(bits int) int { return d.below(1<<d.below(bits+1) + 1) }

// mix spreads neighbouring numbers (splitmix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
