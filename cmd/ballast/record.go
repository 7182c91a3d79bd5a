package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/ballast-lb/ballast/containers/autoscale/sim"
)

const (
	recordTimeout = 30 * time.Second
	maxRecord     = 256 << 20
)

// record prints the trace of a pool, once it is known to be one.
func record(ctx context.Context, base, pool string, out io.Writer) error {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return usage("--record=%s must be the URL of the admin listener, as in http://localhost:8080", base)
	}
	if pool == "" {
		return usage("--pool=%q must name a pool: %s/api/v1/pools lists them", pool, base)
	}
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	from := u.JoinPath("api", "v1", "pools", url.PathEscape(pool), "trace")
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from.String(), http.NoBody)
	if err != nil {
		return fmt.Errorf("--record=%s: %w", base, err)
	}
	req.Header.Set("Accept", "text/csv")
	stop := sync.OnceFunc(newScreen(os.Stderr).during(func() string { return "record the trace of pool " + pool + " from " + base }))
	defer stop()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("--record=%s: no Ballast answers there: %w", base, err)
	}
	defer resp.Body.Close()
	switch kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); {
	case resp.StatusCode == http.StatusNotFound:
		return fmt.Errorf("--pool=%s: %s has no trace of such a pool: %s lists the pools", pool, base, u.JoinPath("api", "v1", "pools"))
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("--record=%s: %s answered %s", base, from, resp.Status)
	case kind != "text/csv":
		return fmt.Errorf("--record=%s: %s answered %q instead of text/csv: is it the admin listener?", base, from, kind)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxRecord))
	if err != nil {
		return fmt.Errorf("--record=%s: read the trace: %w", base, err)
	}
	if _, err := sim.ReadTrace(bytes.NewReader(body)); err != nil {
		return fmt.Errorf("--record=%s: what came is no trace: %w", base, err)
	}
	stop() // Or its line would stand in the trace, where both go to one terminal.
	_, err = out.Write(body)
	return err
}
