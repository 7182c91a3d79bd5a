package nethttp

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"

	"github.com/ballast-lb/ballast/proxy/health"
)

const (
	checkAgent   = "ballast-health"
	maxCheckBody = 64 << 10
)

// Checker checks backends with GET requests, each over a connection of its own, as a new client
// would come. Redirects are not followed: their status is the answer.
type Checker struct{ transport *http.Transport }

var _ health.Checker = (*Checker)(nil)

// NewChecker returns a checker.
func NewChecker() *Checker {
	return &Checker{transport: &http.Transport{
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxResponseHeaderBytes,
	}}
}

// Check implements health.Checker.
func (c *Checker) Check(ctx context.Context, address netip.AddrPort, check health.Check) error {
	scheme := check.Scheme
	if scheme == "" {
		scheme = "http"
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+address.String()+check.Path, nil)
	if err != nil {
		return fmt.Errorf("make a request for %q: %w", check.Path, err)
	}
	r.Header.Set("User-Agent", checkAgent)
	response, err := c.transport.RoundTrip(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode < check.StatusMin || response.StatusCode > check.StatusMax {
		return fmt.Errorf("status %d, want %d-%d", response.StatusCode, check.StatusMin, check.StatusMax)
	}
	if _, err := io.Copy(io.Discard, io.LimitReader(response.Body, maxCheckBody)); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return nil
}
