package balance

import "fmt"

// maglevSize is the size of the table: a prime, the paper's for clusters of ordinary size.
const maglevSize = 65537

// maglev is Google's consistent hashing (Eisenbud et al., "Maglev: A Fast and Reliable Software Network
// Load Balancer", NSDI 2016, section 3.4): a table that says which candidate has which hash. Each
// candidate's ID gives an order of all places: offset, offset+skip, offset+2*skip, … modulo the size. They
// take turns; whose turn it is takes the first place of its order that is free, until none is.
//
// Turns are those of the smooth weighted round robin, so each has its share of the table within one or two
// places. When one of n leaves, its share moves, and a little of the others': a place may now be
// reached earlier by another. The fewer places each has the more that is. Two Ballasts with the same
// backends have the same table.
type maglev struct {
	hash  func(*Request) uint64
	table []uint32
}

func newMaglev(hash string, candidates []Candidate) (*maglev, error) {
	m := &maglev{}
	switch hash {
	case HashIP, "":
		m.hash = hashIP
	case HashPath:
		m.hash = hashPath
	case HashKey:
		m.hash = hashKey
	default:
		return nil, fmt.Errorf("unknown hash %q", hash)
	}
	placed, err := place(candidates)
	if err != nil {
		return nil, err
	}
	m.table = populate(placed)
	return m, nil
}

// Pick implements Picker.
func (m *maglev) Pick(r *Request) int { return int(m.table[m.hash(r)%maglevSize]) }

// order is a candidate's order of all places, as far as it got: next is the place to look at next.
type order struct{ next, skip uint32 }

func newOrder(hash uint64) order {
	// The paper takes two hashes of the name; these are the halves of one.
	return order{
		next: uint32(hash) % maglevSize,
		skip: uint32(hash>>32)%(maglevSize-1) + 1,
	}
}

func populate(candidates []placed) []uint32 {
	const free = ^uint32(0)
	table := make([]uint32, maglevSize)
	for i := range table {
		table[i] = free
	}
	weights := make([]int, len(candidates))
	orders := make([]order, len(candidates))
	for i, c := range candidates {
		weights[i], orders[i] = c.weight, newOrder(c.hash)
	}
	turns := schedule(reduce(weights))
	for n, turn := 0, 0; n < maglevSize; n++ {
		who := turns[turn]
		if turn++; turn == len(turns) {
			turn = 0
		}
		// The size is prime, so an order comes to every place, and as long as n is less one is free.
		for o := &orders[who]; ; {
			at := o.next
			if o.next += o.skip; o.next >= maglevSize {
				o.next -= maglevSize
			}
			if table[at] == free {
				table[at] = candidates[who].index
				break
			}
		}
	}
	return table
}
