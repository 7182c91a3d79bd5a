package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
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
	if !o.watch {
		return s.show(ctx, o)
	}
	return s.watch(ctx, o)
}

// watch shows it again and again, until ctx ends. A balancer that does not answer any more may be about to be started again.
func (s *screen) watch(ctx context.Context, o clientOptions) error {
	ticker := time.NewTicker(statusEvery)
	defer ticker.Stop()
	for answered := false; ; {
		switch err := s.show(ctx, o); {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			answered = true
		case !answered:
			return err
		default:
			if err := s.repaint([]line{{text: err.Error(), style: bad}}); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
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

// show asks once, and shows the answer.
func (s *screen) show(ctx context.Context, o clientOptions) error {
	body, err := fetch(ctx, o.url, metricsPath)
	if err != nil {
		return err
	}
	if o.json {
		_, err := s.out.Write(body)
		return err
	}
	d, err := parseMetrics(o.url, body)
	if err != nil {
		return err
	}
	lines := newLines(d, s.columns())
	if o.watch {
		return s.repaint(lines)
	}
	return s.paint(lines)
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
