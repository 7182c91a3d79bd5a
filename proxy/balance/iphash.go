package balance

import (
	"encoding/binary"
	"math"

	"github.com/cespare/xxhash/v2"
)

// ipHash is rendezvous hashing (Thaler and Ravishankar, "Using name-based mappings to increase hit
// rates", 1998) of the client's address, with weights by the Logarithmic Method (Schindelhauer and
// Schomaker, "Weighted Distributed Hash Tables", SPAA 2005). Client and candidate are hashed together
// to u in (0,1); the candidate with the smallest -ln(u)/w gets the client. That is an exponential
// variable of rate w, so each is the smallest with probability w/sum(w).
//
// A candidate's score does not depend on the others: when one leaves, its clients are spread over the
// rest by weight and nobody else moves; when one comes, it takes its share and nobody moves between
// the others; when a weight changes, clients move only to or from that candidate. Unlike with maglev this is
// exact. A pick looks at all candidates, some nanoseconds each.
type ipHash struct{ candidates []placed }

func newIPHash(candidates []Candidate) (*ipHash, error) {
	placed, err := place(candidates)
	if err != nil {
		return nil, err
	}
	return &ipHash{placed}, nil
}

// Pick implements Picker.
func (h *ipHash) Pick(r *Request) int {
	var both [16]byte
	binary.LittleEndian.PutUint64(both[:], hashClient(r.Client))
	best, least := 0, math.Inf(1)
	for i := range h.candidates {
		c := &h.candidates[i]
		binary.LittleEndian.PutUint64(both[8:], c.hash)
		u, w := unit(xxhash.Sum64(both[:])), float64(c.weight)
		// 1-u <= -ln(u), so who loses by it needs no logarithm, which is most of them.
		if 1-u > least*w {
			continue
		}
		// Of equals the first wins, and they are in the order of their IDs.
		if score := -math.Log(u) / w; score < least {
			best, least = i, score
		}
	}
	return int(h.candidates[best].index)
}

// unit maps a hash to the middle of one of 2^52 equal parts of (0,1), so never to 0 or 1.
func unit(hash uint64) float64 { return (float64(hash>>12) + 0.5) / (1 << 52) }
