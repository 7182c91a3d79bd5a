package nethttp

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy/health"
	"github.com/ballast-lb/ballast/proxy/http1"
)

const (
	checkAgent   = "ballast-health"
	maxCheckBody = 64 << 10
)

// Checker checks backends with GET requests, each over a connection of its own, as a new client
// would come. Redirects are not followed: their status is the answer.
type Checker struct{ transports map[string]*http.Transport }

var _ health.Checker = (*Checker)(nil)

// NewChecker returns a checker.
func NewChecker() *Checker {
	c := &Checker{transports: make(map[string]*http.Transport)}
	for _, scheme := range []string{containers.SchemeHTTP, containers.SchemeHTTPS, containers.SchemeH2C} {
		c.transports[scheme] = &http.Transport{
			Protocols:              protocols(scheme),
			TLSClientConfig:        unverified(),
			DisableKeepAlives:      true,
			DisableCompression:     true,
			MaxResponseHeaderBytes: http1.MaxHead,
		}
	}
	return c
}

// Check implements health.Checker.
func (c *Checker) Check(ctx context.Context, address netip.AddrPort, check health.Check) error {
	transport := c.transports[cmp.Or(check.Scheme, containers.SchemeHTTP)]
	if transport == nil {
		return fmt.Errorf("nothing known of scheme %q", check.Scheme)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, urlScheme(check.Scheme)+"://"+address.String()+check.Path, nil)
	if err != nil {
		return fmt.Errorf("make a request for %q: %w", check.Path, err)
	}
	r.Header.Set("User-Agent", checkAgent)
	response, err := transport.RoundTrip(r)
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
