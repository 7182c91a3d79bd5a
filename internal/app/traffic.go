package app

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/ballast-lb/ballast/internal/certs"
	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/forward"
	"github.com/ballast-lb/ballast/proxy/http1/front"
	"github.com/ballast-lb/ballast/proxy/nethttp"
)

// challengePath begins the paths that a CA asks for to see that a host is ours (RFC 8555 8.3).
const challengePath = "/.well-known/acme-challenge/"

// traffic is what the traffic listeners are made of. Its zero value is none.
type traffic struct {
	*plane
	plain, secure net.Listener // secure is above a socket of App.offers.
	files         *certs.Files
	acme          *certs.ACME
	managing      sync.Mutex
}

// listenTraffic opens the traffic listeners that are configured, and what their certificates come from.
func (a *App) listenTraffic(ctx context.Context) error {
	t, c := &a.traffic, a.config
	if c.TrafficListen != "" {
		l, err := a.listen(ctx, "traffic.listen", c.TrafficListen)
		if err != nil {
			return fmt.Errorf("traffic.listen: %w: %s with --traffic.listen, or turn it off", err, listenRemedy(err))
		}
		t.plain = l
	}
	if c.TLS.Listen == "" {
		return nil
	}
	l, err := a.listen(ctx, "traffic.tls.listen", c.TLS.Listen)
	if err != nil {
		return fmt.Errorf("traffic.tls.listen: %w: %s with --traffic.tls.listen", err, listenRemedy(err))
	}
	t.secure = l
	config, err := a.certificates()
	if err != nil {
		return err
	}
	t.secure = tls.NewListener(l, config)
	return nil
}

// certificates opens what certificates come from.
func (a *App) certificates() (*tls.Config, error) {
	t, c := &a.traffic, a.config
	var err error
	if len(c.TLS.Certs) > 0 {
		pairs := make([]certs.Pair, 0, len(c.TLS.Certs))
		for _, p := range c.TLS.Certs {
			pairs = append(pairs, certs.Pair(p))
		}
		if t.files, err = certs.NewFiles(certs.FilesOptions{Pairs: pairs, Logger: a.component("certs")}); err != nil {
			return nil, fmt.Errorf("traffic.tls.cert: %w", err)
		}
	}
	protocols := []string{"h2", "http/1.1"}
	if len(c.ACME.Domains) > 0 || c.ACME.Auto {
		if t.acme, err = certs.NewACME(certs.ACMEOptions{
			Email: c.ACME.Email, CA: c.ACME.CA, CAFile: c.ACME.CAFile, Storage: c.ACME.Storage, Logger: a.component("acme"),
		}); err != nil {
			return nil, fmt.Errorf("traffic.acme: %w", err)
		}
		protocols = append(protocols, certs.ACMEProto)
	}
	return certs.Config(certs.Combined(t.files, t.acme), protocols...), nil
}

// routeTraffic leads requests to the pools that have a route for them.
func (a *App) routeTraffic(host, path []byte, secure bool) (proxy.Target, front.Whose) {
	if !secure && (a.config.TLS.Redirect || a.traffic.acme != nil && bytes.HasPrefix(path, []byte(challengePath))) {
		return proxy.Target{}, front.Anothers
	}
	if a.waits(path) {
		return proxy.Target{}, front.Anothers
	}
	t, ok := a.core.Route(host, path)
	if !ok {
		return t, front.Nobodys
	}
	return t, front.Pools
}

// waits says whether a path is one that waiting pages ask for.
func (a *App) waits(path []byte) bool {
	return bytes.HasPrefix(path, []byte(proxy.WaitPath)) && a.core.Waits() &&
		(string(path) == proxy.WaitPath || string(path) == proxy.WaitScriptPath)
}

// trafficHandler serves what the wire hands over: the pools to those who speak HTTP/2, or with backends that do; what
// waiting pages ask for; the challenges of a CA; and redirects to HTTPS.
func (a *App) trafficHandler(f *nethttp.Front) http.Handler {
	routed := f.Waits(func(host, path string) *proxy.Pool {
		t, _ := a.core.Route([]byte(host), []byte(path))
		return t.Pool
	}, f.Routed(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.Answer(w, r, proxy.CauseNotFound)
	})))
	h := http.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.config.TLS.Redirect && !a.secure(r) {
			a.redirect(f, w, r)
			return
		}
		routed.ServeHTTP(w, r)
	}))
	if a.traffic.acme == nil {
		return h
	}
	return a.challenges(f, h)
}

// challenges answers what a CA asks, and leaves the rest to next.
func (a *App) challenges(f *nethttp.Front, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, challengePath) {
			next.ServeHTTP(w, r)
			return
		}
		f.Aside(w, r, func(aside http.ResponseWriter) bool {
			ours := true
			a.traffic.acme.Challenge(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				ours = false
				next.ServeHTTP(w, r)
			})).ServeHTTP(aside, r)
			return ours
		})
	})
}

// secure says whether a request came by HTTPS, to us or to a proxy that is trusted: to redirect what that has taken the TLS
// off would never end.
func (a *App) secure(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	lines := r.Header["X-Forwarded-Proto"]
	if err != nil || len(lines) == 0 || !a.trust.Contains(peer.Addr()) {
		return false
	}
	https, _ := forward.Proto(lines[len(lines)-1])
	return https
}

// redirect answers plain HTTP with where the same is served by HTTPS.
func (a *App) redirect(f *nethttp.Front, w http.ResponseWriter, r *http.Request) {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
		if strings.Contains(name, ":") {
			host = "[" + name + "]"
		}
	}
	target, ok := nethttp.Target(r)
	if host == "" || !ok {
		f.Answer(w, r, proxy.CauseBadRequest)
		return
	}
	port := strconv.Itoa(a.config.TLS.RedirectPort)
	if a.config.TLS.RedirectPort == 0 { // What is listened on, for the configured port may be 0.
		_, port, _ = net.SplitHostPort(a.SecureAddr().String())
	}
	if port != "443" {
		host += ":" + port
	}
	f.Aside(w, r, func(w http.ResponseWriter) bool {
		w.Header().Set("Location", "https://"+host+target)
		w.WriteHeader(http.StatusPermanentRedirect)
		return true
	})
}

// manage has certificates for the hosts that are configured, and those that routes name if that is. A pool has its
// certificate for as long as its requests may wait, for it is about to come back.
func (a *App) manage() {
	t, c := &a.traffic, a.config.ACME
	if t.acme == nil {
		return
	}
	t.managing.Lock() // What was looked at later must not be overtaken.
	defer t.managing.Unlock()
	domains := slices.Clone(c.Domains)
	if c.Auto {
		domains = append(domains, slices.DeleteFunc(a.core.Hosts(), func(host string) bool { return !isName(host) })...)
	}
	slices.Sort(domains)
	if err := t.acme.Manage(slices.Compact(domains)); err != nil {
		a.log.Error().Err(err).Msg("certificates can't be asked for")
	}
}

// isName says whether a host of a route is one that a CA gives certificates for: no wildcard, and no address.
func isName(host string) bool {
	if strings.HasPrefix(host, "*") || !strings.Contains(host, ".") {
		return false
	}
	return net.ParseIP(host) == nil
}
