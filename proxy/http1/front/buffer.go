package front

import (
	"io"
	"net/netip"
	"sync"
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/balance"
	"github.com/ballast-lb/ballast/proxy/http1"
)

const (
	inSize   = 8 << 10
	backSize = 16 << 10
	outSize  = 16 << 10
	copySize = 32 << 10
	// maxKeptSize is how large a buffer may have grown to be used again.
	maxKeptSize = 32 << 10
)

// buffer holds what was read and not used: b[r:w].
type buffer struct {
	b    []byte
	r, w int
}

func (b *buffer) bytes() []byte { return b.b[b.r:b.w] }

func (b *buffer) reset(size int) {
	if len(b.b) == 0 || len(b.b) > maxKeptSize {
		b.b = make([]byte, size)
	}
	b.r, b.w = 0, 0
}

// fill reads more, and makes room for that, up to limit bytes. It must not be called while what was parsed
// is still needed.
func (b *buffer) fill(from io.Reader, limit int) (int, error) {
	if b.r > 0 {
		b.w = copy(b.b, b.b[b.r:b.w])
		b.r = 0
	}
	if b.w == len(b.b) {
		if len(b.b) >= limit {
			return 0, io.ErrShortBuffer
		}
		larger := make([]byte, min(2*len(b.b), limit))
		copy(larger, b.b[:b.w])
		b.b = larger
	}
	n, err := from.Read(b.b[b.w:])
	b.w += n
	return n, err
}

// work is what one request needs, from its first byte to the end of its answer.
type work struct {
	in   buffer // From the client.
	back buffer // From the backend.
	out  []byte // The request as it is sent, and then the answer.

	req      http1.Request
	resp     http1.Response
	chunks   http1.Decoder // Of the request.
	returned http1.Decoder // Of the answer.

	settings *containers.Settings
	// What is known of the request besides: when it began, for which pool, by whom it is believed to have been sent,
	// over TLS or not, and what it is called.
	began   time.Time
	pool    string
	client  netip.Addr
	secure  bool
	id      []byte
	open    bool     // It is not accounted for yet.
	lines   [][]byte // Room for values, and for a value.
	scratch [512]byte
	// sent is how much of the answer's body was passed on, retryAfter when the next request may pass the rate limit.
	sent       int64
	retryAfter time.Duration
	x          proxy.Exchange
	pick       balance.Request
	backend    *proxy.Backend
	target     []byte

	// rest is how much of a body with a length has not been read; more says that a body is not whole yet.
	rest int64
	more bool
	pump *pump // nil if the body was whole, or before it is sent.
	// repeated says that a kept connection has ended under the request, or a backend without an answer: from then on it
	// gets new connections only, for it may be what backends break by.
	repeated bool
	// continued says that the client was told to send its body.
	continued bool
	// answered is the status of the answer that has begun; 0 before.
	answered int
}

// Agent implements proxy.Asker.
func (w *work) Agent() string { return w.first("user-agent") }

// Navigates implements proxy.Asker.
func (w *work) Navigates() bool {
	return proxy.Navigates(view(w.req.MethodText()), w.first("accept"), w.first("sec-fetch-mode"), w.first("x-requested-with"))
}

func newWork() any { return &work{out: make([]byte, 0, outSize)} }

func (w *work) reset() {
	w.in.reset(inSize)
	w.back.reset(backSize)
	w.fresh()
}

// fresh makes ready for the next request; what was read ahead of it stays.
func (w *work) fresh() {
	w.back.r, w.back.w = 0, 0
	if w.out = w.out[:0]; cap(w.out) > 2*maxKeptSize {
		w.out = make([]byte, 0, outSize)
	}
	w.req.Reset()
	w.settings, w.backend, w.pump = nil, nil, nil
	w.x, w.pick = proxy.Exchange{}, balance.Request{}
	w.rest, w.more, w.repeated, w.continued, w.answered = 0, false, false, false, 0
	w.sent, w.retryAfter, w.open = 0, 0, false
}

var copyBuffers = sync.Pool{New: func() any { return new([copySize]byte) }}
