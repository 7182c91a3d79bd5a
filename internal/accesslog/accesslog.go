// Package accesslog writes a line of JSON per request. Requests never wait for it: what the disk is too slow for is
// dropped, and counted.
package accesslog

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/netip"
	"os"
	"sync/atomic"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/internal/config"
	"github.com/ballast-lb/ballast/proxy"
)

// Log is a proxy.AccessLog.
type Log struct {
	log zerolog.Logger
	// sample is the bits of a float64.
	sample atomic.Uint64
	out    *buffer
}

var _ proxy.AccessLog = (*Log)(nil)

// Open opens the configured log, nil if it is off. lost is told now and then how many lines were, and why if it was not
// for want of room. The caller must Close it.
func Open(c config.AccessLog, lost func(lines int, err error)) (*Log, error) {
	var to io.Writer
	switch c.To {
	case "":
		return nil, nil //nolint:nilnil // Off is no error, and there is nothing to return.
	case config.AccessLogStdout:
		to = unclosed{os.Stdout}
	case config.AccessLogStderr:
		to = unclosed{os.Stderr}
	default:
		f, err := os.OpenFile(c.To, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640)
		if err != nil {
			return nil, fmt.Errorf("access-log: %w: choose a file that can be written to", err)
		}
		to = f
	}
	return New(to, c.Sample, lost), nil
}

// New returns a log that writes to w, and closes it if it can be, when it is closed. sample is the share of requests
// that it takes; it takes all with a status of 500 or above.
func New(w io.Writer, sample float64, lost func(lines int, err error)) *Log {
	out := newBuffer(w, lost)
	l := &Log{log: zerolog.New(out), out: out}
	l.SetSample(sample)
	return l
}

// SetSample changes the share of requests that it takes.
func (l *Log) SetSample(share float64) { l.sample.Store(math.Float64bits(share)) }

// Close writes what waits, and closes what is written to. If that takes nothing any more it gives up after a moment,
// with an error. What is logged after it is lost.
func (l *Log) Close() error { return l.out.Close() }

// Wants implements proxy.AccessLog.
func (l *Log) Wants(status int) bool {
	share := math.Float64frombits(l.sample.Load())
	return status >= 500 || share >= 1 || share > 0 && rand.Float64() < share
}

// Log implements proxy.AccessLog.
func (l *Log) Log(a *proxy.Access) {
	e := l.log.Log().Time("time", a.At.UTC()).Str("client", text(a.Client))
	if a.Peer != a.Client {
		e = e.Str("peer", text(a.Peer))
	}
	e = e.Str("method", a.Method).Str("host", a.Host).Str("target", a.Target).Str("protocol", a.Protocol).
		Int("status", a.Status).Int64("bytes", a.Sent).Float64("duration_ms", float64(a.Took.Microseconds())/1000)
	for _, f := range [...]struct{ key, value string }{
		{"pool", a.Pool},
		{"backend", a.Backend},
		{"error", cmp.Or(a.Slug, a.Cause.String())},
		{"request_id", a.ID},
		{"user_agent", a.UserAgent},
		{"referrer", a.Referrer},
	} {
		if f.value != "" {
			e = e.Str(f.key, f.value)
		}
	}
	e.Send()
}

func text(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// unclosed keeps a writer from being closed.
type unclosed struct{ io.Writer }
