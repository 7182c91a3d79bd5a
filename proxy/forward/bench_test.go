package forward_test

import (
	"net/netip"
	"testing"

	"github.com/ballast-lb/ballast/proxy/forward"
)

var (
	chainOfThree = asBytes([]string{"198.51.100.1, 10.2.2.2, 10.1.1.1"})
	forwarded    = asBytes([]string{`for=198.51.100.1;host=example.com;proto=https, for="[fd00::2]:4711", for=10.1.1.1`})
	passedBy     = asBytes([]string{"fastly, cloudflare; subreqs=1"})
	element      = forward.Element[[]byte]{For: visitor, Host: []byte("example.com:81"), Proto: "https"}
)

// operations are what a request may need; buf is where they append.
func operations() map[string]func(buf []byte) {
	ids := forward.NewIDs()
	id := []byte("4bf92f3577b34da6a3ce929d0e0e4736")
	return map[string]func([]byte){
		"Client/untrusted":         func([]byte) { forward.Client(trust, visitor, chainOfThree) },
		"Client/trusted":           func([]byte) { forward.Client(trust, proxy, chainOfThree) },
		"AppendFor/first":          func(buf []byte) { forward.AppendFor[[]byte](buf, nil, visitor) },
		"AppendFor/chain":          func(buf []byte) { forward.AppendFor(buf, chainOfThree, proxy) },
		"ForwardedClient/trusted":  func([]byte) { forward.ForwardedClient(trust, proxy, forwarded) },
		"AppendForwarded/first":    func(buf []byte) { forward.AppendForwarded(buf, nil, element) },
		"AppendForwarded/chain":    func(buf []byte) { forward.AppendForwarded(buf, forwarded, element) },
		"ValidID":                  func([]byte) { forward.ValidID(id) },
		"IDs_Append":               func(buf []byte) { ids.Append(buf) },
		"Passes":                   func([]byte) { forward.Passes(us, passedBy) },
		"AppendLoop":               func(buf []byte) { forward.AppendLoop(buf, passedBy, us) },
		"Trust_Contains/few":       func([]byte) { trust.Contains(visitor) },
		"Trust_Contains/no_one_is": func([]byte) { (*forward.Trust)(nil).Contains(visitor) },
	}
}

func TestOperations_allocate_nothing(t *testing.T) {
	buf := make([]byte, 0, 2048)
	for name, op := range operations() {
		t.Run(name, func(t *testing.T) {
			if got := testing.AllocsPerRun(100, func() { op(buf) }); got != 0 {
				t.Errorf("%s allocates %v times, want 0", name, got)
			}
		})
	}
}

func BenchmarkOperations(b *testing.B) {
	buf := make([]byte, 0, 2048)
	for name, op := range operations() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				op(buf)
			}
		})
	}
}

func BenchmarkIDs_Append_contended(b *testing.B) {
	ids := forward.NewIDs()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		buf := make([]byte, 0, 32)
		for pb.Next() {
			ids.Append(buf)
		}
	})
}

func BenchmarkTrust_Contains_many(b *testing.B) {
	var prefixes []netip.Prefix
	for n := range 200 {
		prefixes = append(prefixes, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(n), 0, 0}), 16))
	}
	t := forward.NewTrust(prefixes)
	b.ReportAllocs()
	for b.Loop() {
		t.Contains(proxy)
	}
}
