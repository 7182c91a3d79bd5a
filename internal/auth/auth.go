package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/ballast-lb/ballast/proxy/limit"
)

// Why somebody is not let in; a *LimitedError is another reason.
var (
	// ErrNobody says that there were no credentials at all.
	ErrNobody = errors.New("no user and password")
	// ErrWrong does not say which of them is wrong.
	ErrWrong = errors.New("wrong user or password")
)

// LimitedError says that a client has failed too often, and may try again after Wait.
type LimitedError struct{ Wait time.Duration }

func (e *LimitedError) Error() string {
	return fmt.Sprintf("too many wrong passwords from this address: try again in %s", e.Wait.Round(time.Second))
}

// attempts are how many wrong passwords a client may send. Right ones are not counted.
var attempts = limit.Rate{Count: 10, Interval: time.Minute, Burst: 10}

// parallel is how many passwords are compared at a time: each takes a processor for a good while, whoever asks.
const parallel = 2

// Options are what an Auth is made of.
type Options struct {
	Users *Users
	// Client tells who sent a request, by which attempts are limited; Secure whether it came by TLS.
	Client func(*http.Request) netip.Addr
	Secure func(*http.Request) bool
}

// Auth tells who sent a request. It is safe for concurrent use.
type Auth struct {
	o        Options
	limiter  *limit.Limiter
	epoch    time.Time
	gate     chan struct{}
	sessions sessions
}

// New makes an Auth.
func New(o Options) *Auth {
	return &Auth{
		o: o, limiter: limit.New(attempts), epoch: time.Now(), gate: make(chan struct{}, parallel),
		sessions: sessions{all: map[token]session{}},
	}
}

// Basic returns the user who proves himself with this very request; the error is ErrNobody, ErrWrong, a *LimitedError, or
// that the client has gone. The name is that of whoever tried, as given, also with an error.
func (a *Auth) Basic(r *http.Request) (user string, err error) {
	user, password, ok := r.BasicAuth()
	if !ok {
		return "", ErrNobody
	}
	_, err = a.check(r, user, password)
	return user, err
}

// check compares a password. An attempt counts until it turns out to be right, so that many at once are no way around the
// limit.
func (a *Auth) check(r *http.Request, user, password string) (hash []byte, err error) {
	client := a.o.Client(r)
	if ok, wait := a.limiter.Allow(client, time.Since(a.epoch)); !ok {
		return nil, &LimitedError{wait}
	}
	if err := a.enter(r.Context()); err != nil {
		return nil, err
	}
	defer func() { <-a.gate }()
	hash, ok := a.o.Users.check(user, password)
	if !ok {
		return nil, ErrWrong
	}
	a.limiter.Refund(client)
	return hash, nil
}

func (a *Auth) enter(ctx context.Context) error {
	select {
	case a.gate <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("compare the password: %w", ctx.Err())
	}
}
