package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/ballast-lb/ballast/internal/config"
	"github.com/ballast-lb/ballast/internal/telemetry"
)

const (
	statusEvery   = time.Second
	statusTimeout = 5 * time.Second
	metricsPath   = "/metrics"
)

// clientOptions are what the command line asks for.
type clientOptions struct {
	watch, json bool
	url         string
}

func status(ctx context.Context, args []string, out io.Writer) error {
	o, err := parseClient(args, "ballast status")
	if err != nil {
		return err
	}
	s := newScreen(out)
	if o.watch {
		w := watcher{screen: s, options: o, errors: os.Stderr}
		return w.watch(ctx)
	}
	body, err := fetch(ctx, o.url, metricsPath)
	if err != nil {
		return err
	}
	if o.json {
		_, err := out.Write(body)
		return err
	}
	d, err := parseMetrics(o.url, body)
	if err != nil {
		return err
	}
	return s.paint(newLines(d, nil, s.columns()))
}

// watcher shows the status again and again.
type watcher struct {
	screen  *screen
	options clientOptions
	// errors is where it is told, beside JSON, that there is no answer.
	errors io.Writer
	// last is what was answered last, nil if nothing was yet.
	last *telemetry.Document
	// since is when the first question was asked that got no answer after that; zero if the last one got one.
	since time.Time
}

// watch ends with ctx. A balancer that does not answer any more may be about to be started again; one that never did is an
// error.
func (w *watcher) watch(ctx context.Context) error {
	ticker := time.NewTicker(statusEvery)
	defer ticker.Stop()
	for {
		asked := time.Now()
		body, d, err := w.ask(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && w.last == nil:
			return err
		case err != nil:
			err = w.lost(err, asked)
		default:
			err = w.show(body, d)
		}
		if err != nil { // Nobody reads what is shown.
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func (w *watcher) ask(ctx context.Context) (body []byte, d telemetry.Document, err error) {
	if body, err = fetch(ctx, w.options.url, metricsPath); err == nil {
		d, err = parseMetrics(w.options.url, body)
	}
	return body, d, err
}

func (w *watcher) show(body []byte, d telemetry.Document) error {
	before, since := w.last, w.since
	w.last, w.since = &d, time.Time{}
	if !w.options.json {
		return w.screen.repaint(newLines(d, before, w.screen.columns()))
	}
	if !since.IsZero() {
		fmt.Fprintf(w.errors, "ballast: an answer again, after %s without\n", lasting(time.Since(since)))
	}
	var one bytes.Buffer
	if err := json.Compact(&one, body); err != nil {
		return err
	}
	one.WriteByte('\n')
	_, err := w.screen.out.Write(one.Bytes())
	return err
}

// lost tells that there is no answer, and since when; on a terminal what was known last stays below.
func (w *watcher) lost(err error, asked time.Time) error {
	first := w.since.IsZero()
	if first {
		w.since = asked
	}
	const clock = "15:04:05"
	if w.options.json {
		if first {
			fmt.Fprintf(w.errors, "ballast: %s; no answer since %s\n", err, w.since.Format(clock))
		}
		return nil
	}
	all := []line{
		{printable(err.Error()), bad},
		{fmt.Sprintf("no answer since %s, for %s", w.since.Format(clock), lasting(time.Since(w.since))), bad},
	}
	if w.screen.terminal {
		all = append(all, line{}, line{"what was known last:", faint})
		for _, l := range newLines(*w.last, nil, w.screen.columns()) {
			all = append(all, line{l.text, faint})
		}
	}
	return w.screen.repaint(all)
}

// parseClient takes its own flags out of args; the rest is of the configuration, where the address is.
func parseClient(args []string, command string) (clientOptions, error) {
	var o clientOptions
	var rest []string
	for i := 0; i < len(args); i++ {
		name, value, hasValue := strings.Cut(args[i], "=")
		switch name {
		case "-watch", "--watch":
			o.watch = value != "false"
		case "-json", "--json":
			o.json = value != "false"
		case "-url", "--url":
			if !hasValue && i+1 < len(args) {
				i++
				value = args[i]
			}
			base, err := url.Parse(value)
			if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
				return o, usage("--url %q must be the address of an admin listener such as http://127.0.0.1:8080", value)
			}
			o.url = strings.TrimSuffix(value, "/")
		default:
			rest = append(rest, args[i])
		}
	}
	s := config.FromProcess(rest, command)
	s.WithoutFiles = true
	c, err := config.Load(s)
	if err == nil && o.url == "" {
		o.url, err = adminURL(c)
	}
	return o, err
}

// adminURL is where the admin listener is reached from this host.
func adminURL(c config.Config) (string, error) {
	host, port, err := net.SplitHostPort(c.AdminListen)
	if err != nil {
		return "", err
	}
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port), nil
}

func parseMetrics(base string, body []byte) (telemetry.Document, error) {
	var d telemetry.Document
	if err := json.Unmarshal(body, &d); err != nil || d.Version == "" {
		return d, notBallast(base, metricsPath)
	}
	return d, nil
}

func notBallast(base, path string) error {
	return fmt.Errorf("%s%s is not what Ballast answers: is that its admin listener? Set --url", base, path)
}

func noAnswer(base string, err error) error {
	if u := new(url.Error); errors.As(err, &u) {
		err = u.Err
	}
	return fmt.Errorf("no answer from Ballast at %s: %w: is it running there? Set --url or --admin.listen to its admin listener", base, err)
}

// fetch returns the JSON that the admin listener answers.
func fetch(ctx context.Context, base, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, noAnswer(base, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s%s answered %s: is that Ballast's admin listener? Set --url", base, path, resp.Status)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("read %s%s: %w", base, path, err)
	}
	return body, nil
}
