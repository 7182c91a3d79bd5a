package balance

import (
	"encoding/binary"
	"math"
	"net/netip"
	"testing"

	"github.com/cespare/xxhash/v2"
	"pgregory.net/rapid"
)

func TestUnit_is_never_0_or_1(t *testing.T) {
	for _, hash := range []uint64{0, 1 << 11, 1 << 63, math.MaxUint64} {
		if u := unit(hash); u <= 0 || u >= 1 {
			t.Errorf("unit(%#x) = %v, want it between 0 and 1", hash, u)
		}
	}
}

// The shortcut past the logarithm changes nothing.
func TestIPHash_is_the_logarithmic_method(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cs := weighing(rapid.IntRange(1, 40).Draw(t, "candidates"), rapid.IntRange(1, 256).Draw(t, "heaviest"))
		client := netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "client")))
		want, least := 0, math.Inf(1)
		for i, c := range cs {
			both := binary.LittleEndian.AppendUint64(nil, hashClient(client))
			both = binary.LittleEndian.AppendUint64(both, xxhash.Sum64String(c.ID))
			if score := -math.Log(unit(xxhash.Sum64(both))) / float64(c.Weight); score < least {
				want, least = i, score
			}
		}
		p, err := newIPHash(cs)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Pick(&Request{Client: client}); got != want {
			t.Fatalf("Pick() = %d, want %d", got, want)
		}
	})
}
