package conformance_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/summerwind/h2spec/config"
	"github.com/summerwind/h2spec/generic"
	"github.com/summerwind/h2spec/hpack"
	"github.com/summerwind/h2spec/http2"
	"github.com/summerwind/h2spec/spec"

	"github.com/ballast-lb/ballast/proxy/fronttest"
)

// specTimeout is how long h2spec waits for what may also be silence.
const specTimeout = 2 * time.Second

// TestH2spec: in strict mode the front has no failure that plain net/http does not have, before a backend that is one
// page. Failures of both are printed: they are net/http's.
func TestH2spec(t *testing.T) {
	for name, secure := range map[string]bool{"over TLS": true, "with prior knowledge": false} {
		t.Run(name, func(t *testing.T) {
			plain := serve(t, &http.Server{Handler: http.HandlerFunc(page), ErrorLog: quiet(), ReadHeaderTimeout: time.Minute}, secure)
			site := fronttest.NewSite(t, overHTTP2(secure), fronttest.Settings(), fronttest.Options{}, fronttest.Serve(t, page))
			theirs, ours := judge(t, plain, secure), judge(t, site.Address, secure)
			t.Logf("net/http: %s\nBallast: %s", theirs, ours)
			if theirs.ran < 140 || ours.ran != theirs.ran {
				t.Errorf("%d and %d cases were run, want 140 at least and as many of each", theirs.ran, ours.ran)
			}
			for id, why := range ours.failed {
				if _, both := theirs.failed[id]; !both {
					t.Errorf("%s fails, and does not with net/http alone: %s", id, why)
				}
			}
		})
	}
}

// verdict is what h2spec said of a server.
type verdict struct {
	ran, skipped int
	failed       map[string]string // Why, by case.
}

func (v verdict) String() string {
	lines := []string{fmt.Sprintf("%d cases, %d skipped, %d failed", v.ran, v.skipped, len(v.failed))}
	for id, why := range v.failed {
		lines = append(lines, "  "+id+": "+why)
	}
	slices.Sort(lines[1:])
	return strings.Join(lines, "\n")
}

// judge runs each case of h2spec on a connection of its own, a few at a time, for many wait for silence. What fails
// beside others is run again alone: then no busy machine is to blame.
func judge(t *testing.T, address string, secure bool) verdict {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	c := &config.Config{Host: host, Path: "/", Timeout: specTimeout, MaxHeaderLen: 4000, Strict: true, TLS: secure, Insecure: true}
	if c.Port, err = strconv.Atoi(port); err != nil {
		t.Fatal(err)
	}
	v := verdict{failed: make(map[string]string)}
	again := make(map[string]*spec.TestCase)
	var mu sync.Mutex // Guards v and again.
	var wg sync.WaitGroup
	slots := make(chan struct{}, 8)
	each([]*spec.TestGroup{generic.Spec(), http2.Spec(), hpack.Spec()}, func(id string, tc *spec.TestCase) {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			err := run(c, tc)
			mu.Lock()
			defer mu.Unlock()
			v.ran++
			if errors.Is(err, spec.ErrSkipped) {
				v.skipped++
			} else if err != nil {
				again[id+" "+tc.Desc] = tc
			}
		})
	})
	wg.Wait()
	for id, tc := range again {
		if err := run(c, tc); err != nil {
			v.failed[id] = strings.ReplaceAll(err.Error(), "\n", "; ")
		}
	}
	return v
}

// each walks the cases, those for strict mode among them.
func each(groups []*spec.TestGroup, do func(id string, tc *spec.TestCase)) {
	for _, g := range groups {
		for i, tc := range slices.Concat(g.Tests, g.StrictTests) {
			do(fmt.Sprintf("%s/%d", g.ID(), i+1), tc)
		}
		each(g.Groups, do)
	}
}

func run(c *config.Config, tc *spec.TestCase) error {
	conn, err := spec.Dial(c)
	if err != nil {
		return err
	}
	defer conn.Close()
	return tc.Run(c, conn)
}

// quiet is for servers that have much to say of clients that mean no good.
func quiet() *log.Logger { return log.New(io.Discard, "", 0) }
