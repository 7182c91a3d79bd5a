package handover

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"time"

	"github.com/rs/zerolog"
)

const (
	// startLimit is how long the next one may take until it serves.
	startLimit = 2 * time.Minute
	// acceptPause is how long it is waited before another accept.
	acceptPause = time.Second
	// yieldLimit is how long the one that serves may take until it decides nothing any more.
	yieldLimit = time.Minute
)

// Offer is a listening socket, the configuration key that it is for, and the address as configured. The socket stays the
// offerer's.
type Offer struct {
	Key, Address string
	Listener     *net.TCPListener
}

// Giver waits for the one that takes over.
type Giver struct {
	listener *net.UnixListener
	log      zerolog.Logger
}

// Listen takes the place of whoever listens at path, which is only to be done when there is none, or it said that the
// sockets are ours. The socket is for this user only. Give must follow, or Close.
func Listen(ctx context.Context, path string, log zerolog.Logger) (*Giver, error) {
	// Under another name first: what a killed one left is in the way, and to remove it before would let others find nothing.
	own := path + ".new"
	if err := os.Remove(own); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "unix", own)
	if err != nil {
		return nil, err
	}
	u := l.(*net.UnixListener)
	u.SetUnlinkOnClose(false) // By then the name is another's.
	if err := errors.Join(os.Chmod(own, 0o600), os.Rename(own, path)); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return &Giver{listener: u, log: log}, nil
}

// Close ends Give.
func (g *Giver) Close() error { return g.listener.Close() }

// Steps are what the one that serves does for the one that takes over. None may be nil.
type Steps struct {
	// Lend is called before the sockets are sent; if it says no, they are not. Regain is called when the next one failed
	// after that, so that this one goes on as before, but not if Give was told to end.
	Lend   func() bool
	Regain func()
	// Yield is called when the next one accepts, and returns when the caller decides nothing any more, with for how long at most
	// it may have something in flight from then on.
	Yield func() (lasts time.Duration)
}

// Give offers sockets to whoever asks, until one of those is ready and the caller has yielded: then it tells so, and returns
// the connection to it, which is to be closed when the caller has nothing in flight any more. There is none when ctx ends, or the
// socket fails.
func (g *Giver) Give(ctx context.Context, offers []Offer, steps Steps) (heir io.Closer, err error) {
	defer func() { _ = g.Close() }() // It is closed already if ctx ended.
	defer context.AfterFunc(ctx, func() { _ = g.Close() })()
	for {
		c, err := g.listener.AcceptUnix()
		if ctx.Err() != nil {
			return nil, nil //nolint:nilnil // As Take.
		}
		if errors.Is(err, net.ErrClosed) {
			return nil, fmt.Errorf("accept whoever takes over: %w", err)
		}
		if err != nil { // Too many open files, most likely: it passes.
			g.log.Warn().Err(err).Msg("accepting whoever takes over failed, trying again")
			select {
			case <-time.After(acceptPause):
			case <-ctx.Done():
			}
			continue
		}
		given, err := g.give(ctx, c, offers, steps)
		if given {
			return c, err
		}
		_ = c.Close()
		if ctx.Err() == nil {
			g.log.Warn().Err(err).Msg("another Ballast began to take over and did not, this one goes on")
		}
	}
}

func (g *Giver) give(ctx context.Context, c *net.UnixConn, offers []Offer, steps Steps) (given bool, err error) {
	defer context.AfterFunc(ctx, func() { _ = c.Close() })() // A deadline would be set anew.
	r := bufio.NewReaderSize(c, messageMost)
	if _, err := hear(c, r, wordHello, answerLimit); err != nil {
		return false, err
	}
	if !steps.Lend() {
		return false, errors.Join(ErrEnds, say(c, message{Word: wordEnds}, answerLimit))
	}
	defer func() {
		if !given && ctx.Err() == nil {
			steps.Regain()
		}
	}()
	m := message{Word: wordTake}
	for _, o := range offers {
		m.Sockets = append(m.Sockets, socket{o.Key, o.Address})
	}
	b, err := encode(m)
	if err != nil {
		return false, err
	}
	if err := c.SetWriteDeadline(time.Now().Add(answerLimit)); err != nil {
		return false, err
	}
	if err := sendWith(c, b, offers); err != nil {
		return false, fmt.Errorf("send the sockets: %w", err)
	}
	g.log.Info().Msg("another Ballast takes over: it has the sockets and starts")
	if _, err := hear(c, r, wordReady, startLimit); err != nil {
		return false, err
	}
	lasts := steps.Yield()
	return true, say(c, message{Word: wordYours, Lasts: max(1, lasts.Milliseconds())}, answerLimit)
}
