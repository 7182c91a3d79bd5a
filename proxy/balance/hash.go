package balance

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// What maglev may hash.
const (
	HashIP   = "ip"   // The client's address.
	HashPath = "path" // The path, without the query.
	HashKey  = "key"  // Request.Key.
)

// All hashes are xxHash64 with seed 0: it is the same on every machine and in every version, so two
// Ballasts with the same backends send a key to the same one.

// hashClient hashes an address. IPv6 counts by its /64, the least that is given to one subscriber:
// hosts change the lower half of their addresses every day (RFC 8981). IPv4 counts whole, also when it
// comes mapped into IPv6. No address at all is a key like any other.
func hashClient(client netip.Addr) uint64 {
	client = client.Unmap()
	bytes := client.As16()
	if client.Is6() {
		return xxhash.Sum64(bytes[:8])
	}
	return xxhash.Sum64(bytes[:])
}

func hashIP(r *Request) uint64 { return hashClient(r.Client) }

func hashPath(r *Request) uint64 { return xxhash.Sum64String(r.Path) }

func hashKey(r *Request) uint64 {
	if r.Key == "" {
		return hashClient(r.Client)
	}
	return xxhash.Sum64String(r.Key)
}

// placed is a candidate where hashing put it.
type placed struct {
	id     string
	hash   uint64 // Of the ID.
	weight int
	index  uint32 // Among the candidates.
}

// place orders candidates by ID, so that what is built from them does not depend on the order they
// came in. It is an error if two have the same ID: they would get the same place, and one of them
// nothing.
func place(candidates []Candidate) ([]placed, error) {
	out := make([]placed, len(candidates))
	for i, c := range candidates {
		out[i] = placed{id: c.ID, hash: xxhash.Sum64String(c.ID), weight: c.Weight, index: uint32(i)}
	}
	slices.SortFunc(out, func(a, b placed) int { return cmp.Compare(a.id, b.id) })
	for i := range out[1:] {
		if a, b := &out[i], &out[i+1]; a.id == b.id {
			return nil, fmt.Errorf("candidates %d and %d have the same ID %q", a.index, b.index, a.id)
		}
	}
	return out, nil
}
