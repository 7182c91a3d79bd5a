package forward

import (
	"crypto/rand"
	"encoding/binary"
	"sync/atomic"
)

// maxID is the longest request ID that is taken over.
const maxID = 128

// ValidID says whether a request ID may be taken over, and logged as it is: 1 to 128 letters, digits and
// any of "._:/+=-".
func ValidID[S Text](id S) bool {
	return len(id) > 0 && len(id) <= maxID && all(id, isID)
}

// IDs makes request IDs. They are unique: within a process surely, and those of two processes are the same with a
// probability of 2^-64. They look random but can be foretold: they are names, not secrets. It is safe for concurrent use.
type IDs struct {
	start, key uint64
	_          [64]byte // The counter changes all the time; start and key are in another cache line.
	count      atomic.Uint64
}

// NewIDs returns a source that starts somewhere at random.
func NewIDs() *IDs {
	var b [16]byte
	rand.Read(b[:]) // Never fails (since Go 1.24).
	return &IDs{start: binary.NativeEndian.Uint64(b[:]), key: binary.NativeEndian.Uint64(b[8:])}
}

// Append appends a new ID: 32 hexadecimal digits in small letters.
//
// Half of it is SplitMix64 (Steele, Lea, Flood 2014), a bijection of a counter that starts at random, and so
// never the same twice. The other half is another one of the first half and the process's key.
func (g *IDs) Append(dst []byte) []byte {
	const golden = 0x9e3779b97f4a7c15
	high := mix(g.start + g.count.Add(1)*golden)
	return appendHex(appendHex(dst, high), mix(high^g.key))
}

// mix is the finalizer of SplitMix64.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// appendHex appends 16 digits. Each half of x is spread over the bytes of a word, one digit in each, which then
// all become letters at once.
func appendHex(dst []byte, x uint64) []byte {
	dst = binary.BigEndian.AppendUint64(dst, hex(uint32(x>>32)))
	return binary.BigEndian.AppendUint64(dst, hex(uint32(x)))
}

func hex(half uint32) uint64 {
	const every = 0x0101010101010101
	x := uint64(half)
	x = (x | x<<16) & 0x0000ffff0000ffff
	x = (x | x<<8) & 0x00ff00ff00ff00ff
	x = (x | x<<4) & 0x0f0f0f0f0f0f0f0f
	letters := (x + 6*every) >> 4 & every // 1 in each byte that is above 9.
	return x + '0'*every + letters*('a'-'0'-10)
}
