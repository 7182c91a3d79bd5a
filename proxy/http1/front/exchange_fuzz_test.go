package front_test

import (
	"math/rand/v2"
	"testing"
	"time"
)

// How many scripts are played in an ordinary run of the tests, and how many a fuzzer begins with.
const (
	pipeScripts = 800
	tcpScripts  = 300
	seeds       = 20
)

// random is as good as any input of the fuzzer's.
func random(seed, n uint64) []byte {
	r := rand.New(rand.NewPCG(seed, n))
	data := make([]byte, 100+r.IntN(350))
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	return data
}

func playRandom(t *testing.T, scripts uint64, play func(t *testing.T, data []byte)) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for n := range scripts {
		data := random(seed, n)
		if play(t, data); t.Failed() {
			t.Fatalf("script %d of seed %d: %q", n, seed, data)
		}
	}
}

func fuzz(f *testing.F, play func(t *testing.T, data []byte)) {
	f.Add([]byte{})
	for n := range uint64(seeds) {
		f.Add(random(1, n))
	}
	f.Fuzz(play)
}

func playPipe(t *testing.T, data []byte) { runPipe(t, decode(data, false)) }
func playTCP(t *testing.T, data []byte)  { runTCP(t, decode(data, true)) }

func TestFront_exchanges_over_pipes_are_as_the_model_says(t *testing.T) {
	playRandom(t, pipeScripts, playPipe)
}

func TestFront_exchanges_over_TCP_are_as_the_model_says(t *testing.T) {
	playRandom(t, tcpScripts, playTCP)
}

// FuzzExchange_Pipe: whatever the client and the backends do, and whenever, the model allows what comes of it.
func FuzzExchange_Pipe(f *testing.F) { fuzz(f, playPipe) }

// FuzzExchange_TCP is FuzzExchange_Pipe over TCP, where the front takes other ways and nobody pauses.
func FuzzExchange_TCP(f *testing.F) { fuzz(f, playTCP) }
