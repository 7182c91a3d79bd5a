package sim

import (
	"bytes"
	"embed"
	"math"
	"math/rand/v2"
	"time"
)

//go:embed traces/*.csv
var files embed.FS

// named is a trace that comes with the program.
type named struct {
	name, about string
	make        func(seed uint64) *Trace
}

// All are generated but the last ones, which are real.
var all = []named{
	{"step", "50, then 500 for ten minutes, then 50 requests per second: 20 min", step},
	{"spikes", "50 requests per second, and 1000 for 20 s every 5 min: 1 h", spikes},
	{"diurnal", "40 to 800 requests per second and back, a day within 1 h", diurnal},
	{"bursty", "50 and 800 requests per second in turn, for two minutes and for one on average: 1 h", bursty},
	{"sparse", "5 requests per second for a minute or three, then nothing for as long: to zero, 1 h", sparse},
	{"twitter-busy", "a busy hour of tweets per second, August 2021", file("twitter-busy-1h")},
	{"twitter-swing", "two hours of tweets per second in which they double, August 2021", file("twitter-swing-2h")},
	{"twitter-typical", "a typical hour of tweets per second, August 2021", file("twitter-typical-1h")},
	{"worldcup", "the World Cup's site on 29 June 1998, its day within 1 h and a fifth of its requests", worldCup},
	{"nasa-sparse", "six quiet hours of NASA's web server, July 1995: to zero", nasa},
}

// Names are those that Named knows, each with a line about it.
func Names() (names, abouts []string) {
	for _, n := range all {
		names, abouts = append(names, n.name), append(abouts, n.about)
	}
	return names, abouts
}

// Named returns a trace that comes with the program; nil if there is none of that name. The seed matters to those whose
// shape is random.
func Named(name string, seed uint64) *Trace {
	for _, n := range all {
		if n.name == name {
			t := n.make(seed)
			t.Name, t.About = n.name, n.about
			return t
		}
	}
	return nil
}

func file(name string) func(uint64) *Trace {
	return func(uint64) *Trace {
		data, err := files.ReadFile("traces/" + name + ".csv")
		if err != nil {
			panic(err) // It is in the binary, and a test reads them all.
		}
		t, err := ReadTrace(bytes.NewReader(data))
		if err != nil {
			panic(err)
		}
		return t
	}
}

// worldCup is a day of up to 3752 requests per second; an hour with up to 18000 would say nothing of the
// fifty replicas that everything else is measured with.
func worldCup(uint64) *Trace {
	return file("worldcup98-06-29-24h")(0).Scale(0.2, 24)
}

func nasa(uint64) *Trace {
	t := file("nasa-sparse-6h")(0)
	t.FromZero = true
	return t
}

// perSecond makes a random trace of a rate for each second, and finds its steps: three times the second before.
func perSecond(d time.Duration, rate func(second int) float64) *Trace {
	t := &Trace{Resolution: time.Second, Random: true, Requests: make([]float64, int(d/time.Second))}
	for i := range t.Requests {
		t.Requests[i] = rate(i)
		if i > 0 && t.Requests[i] >= 3*t.Requests[i-1] && t.Requests[i] > 0 {
			t.Steps = append(t.Steps, time.Duration(i)*time.Second)
		}
	}
	return t
}

func step(uint64) *Trace {
	return perSecond(20*time.Minute, func(s int) float64 {
		if s >= 120 && s < 720 {
			return 500
		}
		return 50
	})
}

func spikes(uint64) *Trace {
	return perSecond(time.Hour, func(s int) float64 {
		if s >= 300 && s%300 < 20 {
			return 1000
		}
		return 50
	})
}

func diurnal(uint64) *Trace {
	return perSecond(time.Hour, func(s int) float64 {
		return 40 + 760*(1-math.Cos(2*math.Pi*float64(s)/3600))/2
	})
}

// turns calls between one state and another, which last as long as low and high say.
func turns(low, high func() float64) func(second int) bool {
	isHigh, until := false, low()
	return func(s int) bool {
		for float64(s) >= until {
			if isHigh = !isHigh; isHigh {
				until += high()
			} else {
				until += low()
			}
		}
		return isHigh
	}
}

// bursty is a Markov-modulated Poisson process of two states.
func bursty(seed uint64) *Trace {
	r := rand.New(rand.NewPCG(seed, 1))
	high := turns(
		func() float64 { return 120 * r.ExpFloat64() },
		func() float64 { return 60 * r.ExpFloat64() },
	)
	return perSecond(time.Hour, func(s int) float64 {
		if high(s) {
			return 800
		}
		return 50
	})
}

func sparse(seed uint64) *Trace {
	r := rand.New(rand.NewPCG(seed, 2))
	some := turns(
		func() float64 { return 150 * r.ExpFloat64() },
		func() float64 { return 60 + 120*r.Float64() },
	)
	t := perSecond(time.Hour, func(s int) float64 {
		if some(s) {
			return 5
		}
		return 0
	})
	t.FromZero = true
	return t
}
