package proxy

import (
	"iter"

	"github.com/ballast-lb/ballast/containers"
)

// Members yields the pool's backends at this moment with their states, by container name.
func (p *Pool) Members() iter.Seq2[*Backend, containers.State] {
	return func(yield func(*Backend, containers.State) bool) {
		for _, m := range p.view.Load().members {
			if !yield(m.Backend, m.state) {
				return
			}
		}
	}
}

// InFlight is how many requests the backend is serving.
func (b *Backend) InFlight() int { return int(b.inFlight.Load()) }
