package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/containers/autoscale"
	"github.com/ballast-lb/ballast/internal/telemetry"
)

const (
	poolsPath = "/api/v1/pools/"
	// readyWithin is how long replicas are waited for: Ballast gives up a clone itself after that time.
	readyWithin = containers.ReadyWithin
	pollEvery   = 200 * time.Millisecond
	// quietFor is how long it may take before it is told how far it is.
	quietFor = time.Second
)

// scaleOptions are what the command line asks for; nil is not asked for.
type scaleOptions struct {
	pool             string
	replicas         *int
	enabled          *bool
	limits           map[string]*int // A nil one is taken back.
	url              string
	user, passphrase string
}

func scale(ctx context.Context, args []string, out io.Writer) error {
	o, err := parseScale(args)
	if err != nil {
		return err
	}
	s := newScreen(out)
	pool := poolsPath + url.PathEscape(o.pool)
	say := func(d autoscale.Decision) error {
		return s.paint([]line{{text: printable("pool " + o.pool + ": " + d.Reason)}})
	}
	if len(o.limits) > 0 {
		if _, err := o.act(ctx, pool+"/limits", o.limits, say); err != nil {
			return err
		}
	}
	if o.enabled != nil {
		if _, err := o.act(ctx, pool+"/autoscale", map[string]bool{"enabled": *o.enabled}, say); err != nil {
			return err
		}
	}
	if o.replicas == nil {
		return nil
	}
	began := time.Now()
	d, err := o.act(ctx, pool+"/scale", map[string]int{"replicas": *o.replicas}, nil)
	if err != nil {
		return err
	}
	text, err := s.await(ctx, o, d, began)
	if err != nil {
		return errors.New(printable("pool " + o.pool + ": " + err.Error()))
	}
	return s.paint([]line{{text: printable("pool " + o.pool + ": " + text)}})
}

// parseScale takes the command's own flags and arguments out of args; the rest is as for the other commands.
func parseScale(args []string) (scaleOptions, error) {
	o := scaleOptions{limits: map[string]*int{}}
	var rest []string
	for i := 0; i < len(args); i++ {
		name, value, hasValue := strings.Cut(args[i], "=")
		switch name = strings.TrimPrefix(strings.TrimPrefix(name, "-"), "-"); {
		case !strings.HasPrefix(args[i], "-"):
			rest = append(rest, args[i])
		case name == "pause" || name == "resume":
			if o.enabled != nil {
				return o, usage("--pause and --resume: give one of them, once")
			}
			enabled := name == "resume"
			o.enabled = &enabled
		case name == "min" || name == "max":
			if !hasValue && i+1 < len(args) {
				i++
				value = args[i]
			}
			n, err := strconv.Atoi(value)
			switch {
			case value == "none":
				o.limits[name] = nil
			case err != nil || n < 0:
				return o, usage("--%s %q must be a number from 0 up, or none to take it back", name, value)
			default:
				o.limits[name] = &n
			}
		default:
			rest = append(rest, args[i])
		}
	}
	pool, rest := cutName(rest)
	number, rest := cutName(rest)
	c, err := parseClient(rest, "ballast scale")
	if err != nil {
		return o, err
	}
	o.pool, o.url = pool, c.url
	if number != "" {
		n, err := strconv.Atoi(number)
		if err != nil || n < 0 {
			return o, usage("%q must be how many replicas there are to be, as in: ballast scale %s 4", number, pool)
		}
		o.replicas = &n
	}
	switch {
	case pool == "":
		return o, usage("say which pool, as in: ballast scale web 4")
	case o.replicas == nil && o.enabled == nil && len(o.limits) == 0:
		return o, usage("say what to do with it, as in: ballast scale %s 4; see ballast scale --help", pool)
	case c.watch || c.json:
		return o, usage("scale has no --watch and no --json: see ballast status")
	}
	o.user, o.passphrase, err = credentials()
	return o, err
}

// credentials are from the environment: what stands on the command line is seen by everybody on the host.
func credentials() (user, password string, err error) {
	user, password = os.Getenv("BALLAST_USER"), os.Getenv("BALLAST_PASSWORD")
	if path := os.Getenv("BALLAST_PASSWORD_FILE"); path != "" && password == "" {
		text, err := os.ReadFile(path)
		if err != nil {
			return "", "", fmt.Errorf("BALLAST_PASSWORD_FILE: %w: name a file with the password in its first line", err)
		}
		password, _, _ = strings.Cut(string(text), "\n")
		password = strings.TrimSuffix(password, "\r")
	}
	if user == "" || password == "" {
		return "", "", errors.New("say who you are: set BALLAST_USER to a user of the balancer's users file, and BALLAST_PASSWORD, or BALLAST_PASSWORD_FILE to a file with the password")
	}
	return user, password, nil
}

// act asks for an action, and hands what came of it to say, if that is not nil.
func (o *scaleOptions) act(ctx context.Context, path string, what any, say func(autoscale.Decision) error) (d autoscale.Decision, err error) {
	body, err := json.Marshal(what)
	if err != nil {
		return d, err
	}
	ctx, cancel := context.WithTimeout(ctx, 4*statusTimeout) // Others' passwords may come first.
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, o.url+path, bytes.NewReader(body))
	if err != nil {
		return d, err
	}
	req.SetBasicAuth(o.user, o.passphrase)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return d, noAnswer(o.url, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return d, fmt.Errorf("read %s%s: %w", o.url, path, err)
	}
	if resp.StatusCode != http.StatusOK {
		var p struct{ Type, Detail string }
		if json.Unmarshal(text, &p) != nil || p.Detail == "" {
			return d, fmt.Errorf("%s%s answered %s: is that Ballast's admin listener? Set --url", o.url, path, resp.Status)
		}
		return d, errors.New(printable("refused: " + p.Detail))
	}
	if err := json.Unmarshal(text, &d); err != nil {
		return d, notBallast(o.url, path)
	}
	if say != nil {
		err = say(d)
	}
	return d, err
}

// await waits until as many replicas are ready as were asked for, and no more are there than a decision says, and returns what to say; an error is what is in the way.
func (s *screen) await(ctx context.Context, o scaleOptions, d autoscale.Decision, began time.Time) (string, error) {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	n, shown := *o.replicas, false
	defer func() {
		if shown {
			fmt.Fprint(s.out, "\r"+clearLine)
		}
	}()
	for {
		p, err := o.look(ctx)
		took := time.Since(began)
		switch last := p.LastDecision; {
		case ctx.Err() != nil:
			return "", errors.New("interrupted: Ballast goes on all the same")
		case err != nil:
			return "", err
		case p.Replicas.Ready == n && there(p) <= d.To:
			return fmt.Sprintf("%d ready, after %s", n, took.Round(10*time.Millisecond)), nil
		case p.Replicas.Blocked != "":
			return "", fmt.Errorf("%d of %d ready: %s", p.Replicas.Ready, n, p.Replicas.Blocked)
		case full(p) && p.Replicas.Ready < n:
			return "", fmt.Errorf("%d of %d ready, and there may be no more than %d in all%s", p.Replicas.Ready, n, p.Replicas.Max, laggard(p))
		case last != nil && last.Time.After(d.Time) && last.Action == autoscale.ActionRefuse:
			return "", fmt.Errorf("%d of %d ready: %s", p.Replicas.Ready, n, last.Reason)
		case last != nil && last.Time.After(d.Time) && last.Action != autoscale.ActionSet && last.To != d.To:
			return fmt.Sprintf("%d to be ready since: %s", last.To, last.Reason), nil
		case took >= readyWithin:
			return "", fmt.Errorf("%d of %d ready after %s%s", p.Replicas.Ready, n, readyWithin, laggard(p))
		}
		if s.terminal && took >= quietFor {
			shown = true
			fmt.Fprintf(s.out, "\r%spool %s: %d of %d ready, %d starting, for %s", clearLine,
				printable(o.pool), p.Replicas.Ready, n, p.Replicas.Starting, took.Round(time.Second))
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
}

// there counts the backends that are neither on their way out nor kept for later.
func there(p telemetry.PoolDoc) (n int) {
	for _, b := range p.Backends {
		switch b.State {
		case containers.StateReady, containers.StateStarting, containers.StateUnhealthy, containers.StateEjected:
			n++
		}
	}
	return n + drained(p)
}

// drained counts those that were taken out by hand.
func drained(p telemetry.PoolDoc) int {
	if p.Override == nil {
		return 0
	}
	return len(p.Override.Drained)
}

// full says that no more can come, as what was taken out by hand takes places of the maximum.
func full(p telemetry.PoolDoc) bool {
	return drained(p) > 0 && p.Replicas.Starting == 0 && there(p) >= p.Replicas.Max
}

// look asks how the pool is.
func (o *scaleOptions) look(ctx context.Context) (p telemetry.PoolDoc, err error) {
	path := poolsPath + url.PathEscape(o.pool)
	body, err := fetch(ctx, o.url, path)
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal(body, &p); err != nil {
		return p, notBallast(o.url, path)
	}
	return p, nil
}

// laggard is a backend that is not ready, and why.
func laggard(p telemetry.PoolDoc) string {
	i := slices.IndexFunc(p.Backends, func(b telemetry.BackendDoc) bool {
		return b.State != containers.StateReady && b.State != containers.StateWarm
	})
	if i < 0 {
		return ": see ballast status"
	}
	b := p.Backends[i]
	return fmt.Sprintf(": %s is %s, %s: see ballast why %s", b.Name, b.State, b.Reason, b.Name)
}
