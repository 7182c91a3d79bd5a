package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/internal/telemetry"
)

const containersPath = "/api/v1/containers"

func why(ctx context.Context, args []string, out io.Writer) error {
	name, args := cutName(args)
	o, err := parseClient(args, "ballast why")
	switch {
	case err != nil:
		return err
	case name == "":
		return usage("say which container, as in: ballast why web-1")
	case o.watch:
		return usage("why has no --watch: it answers once")
	}
	body, err := fetch(ctx, o.url, containersPath)
	if err != nil {
		return err
	}
	var all []telemetry.ContainerDoc
	if err := json.Unmarshal(body, &all); err != nil {
		return notBallast(o.url, containersPath)
	}
	found := telemetry.Match(all, name)
	if len(found) == 0 {
		return noSuch(all, name)
	}
	if o.json {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(found)
	}
	if body, err = fetch(ctx, o.url, metricsPath); err != nil {
		return err
	}
	d, err := parseMetrics(o.url, body)
	if err != nil {
		return err
	}
	s := newScreen(out)
	return s.paint(whyLines(d, found, s.columns()))
}

// cutName takes the name out of args: the first that is neither a flag nor may be the value of one.
func cutName(args []string) (name string, rest []string) {
	for i, arg := range args {
		if strings.HasPrefix(arg, "-") {
			continue
		}
		if i > 0 {
			before := args[i-1]
			takesNone := !strings.HasPrefix(before, "-") || strings.Contains(before, "=") || before == "-json" || before == "--json"
			if !takesNone {
				continue
			}
		}
		return arg, slices.Concat(args[:i], args[i+1:])
	}
	return "", args
}

func noSuch(all []telemetry.ContainerDoc, name string) error {
	text, near := telemetry.NoSuchContainer(all, name)
	switch {
	case len(near) > 0:
	case len(all) == 0:
		text += ", as far as Ballast knows; see: ballast status"
	default:
		text += "; see: docker ps -a"
	}
	return errors.New(printable(text))
}

// whyLines is what people are told of the containers.
func whyLines(d telemetry.Document, found []telemetry.ContainerDoc, width int) (out []line) {
	if !d.Engine.Connected {
		out = append(out, engineLine(d), line{text: "so this is what was last known"}, line{})
	}
	for i, c := range found {
		if i > 0 {
			out = append(out, line{})
		}
		w := teller{document: &d, container: &c, width: width}
		out = append(out, w.tell()...)
	}
	return out
}

// teller tells of one container.
type teller struct {
	document  *telemetry.Document
	container *telemetry.ContainerDoc
	width     int
	lines     []line
}

func (w *teller) add(s style, format string, args ...any) {
	w.lines = append(w.lines, wrapped(fmt.Sprintf(format, args...), w.width, s)...)
}

func (w *teller) tell() []line {
	c := w.container
	pool, backend, share := w.place()
	w.lines = append(w.lines, headline(c, pool))
	w.add(plain, "container: %s, image %s, %s", c.ID, c.Image, c.State)
	if reason := w.reason(); reason != "" {
		w.add(bad, "why: %s", reason)
	}
	if c.Remedy != "" {
		w.add(bold, "remedy: %s", c.Remedy)
	}
	if c.Clone != nil {
		w.add(plain, "clone: number %d of pool %s, made from %s by instance %s", c.Clone.Slot, c.Pool, c.Clone.Template, c.Clone.Owner)
		if c.Clone.Stale != "" {
			fate := "is being replaced"
			if pool != nil && pool.Replicas.StaleHeld != "" {
				fate = "is not replaced at present: " + pool.Replicas.StaleHeld
			}
			w.add(bold, "stale: %s; %s", c.Clone.Stale, fate)
		}
	}
	if pool != nil {
		w.add(plain, "pool: %s, %d of %d ready, policy %s", pool.Name, pool.Replicas.Ready, len(pool.Backends), pool.Policy)
		if backend != nil {
			w.add(plain, "serves: %s", routesText(pool))
			w.add(plain, "share: %s", shareText(pool, backend, share))
			w.add(plain, "address: %s, network %s", backend.Address, backend.Network)
			w.add(plain, "requests: %d, %d failed, %d in flight", backend.Requests, backend.Errors, backend.InFlight)
		}
	} else if c.Pool != "" {
		w.add(plain, "pool: %s", c.Pool)
	}
	for _, text := range c.Warnings {
		w.add(bad, "warning: %s", text)
	}
	if pool != nil {
		for _, text := range pool.Warnings {
			w.add(bad, "warning of its pool: %s", text)
		}
	}
	w.labels()
	return w.lines
}

// place finds the container's pool and backend, nil if it has none, and its share.
func (w *teller) place() (*telemetry.PoolDoc, *telemetry.BackendDoc, float64) {
	pools := w.document.Pools
	i := slices.IndexFunc(pools, func(p telemetry.PoolDoc) bool { return w.container.Pool != "" && p.Name == w.container.Pool })
	if i < 0 {
		return nil, nil, 0
	}
	p := &pools[i]
	b := slices.IndexFunc(p.Backends, func(b telemetry.BackendDoc) bool { return b.ID == w.container.ID })
	if b < 0 || w.container.Backend == nil {
		return p, nil, 0
	}
	return p, &p.Backends[b], p.Shares()[b]
}

func headline(c *telemetry.ContainerDoc, pool *telemetry.PoolDoc) line {
	l := line{style: bad}
	switch b := c.Backend; {
	case !c.Routed:
		l.text = c.Name + " is not routed"
	case b == nil:
		l.text = c.Name + " is routed, and about to join its pool"
	case b.State == containers.StateReady && c.Reason != "":
		l.text = c.Name + " is ready, and gets no requests"
	case b.State == containers.StateReady:
		l = line{c.Name + " serves", bold}
	case b.State == containers.StateWarm:
		l = line{c.Name + " is a warm clone: it serves when it is needed", bold}
	case pool != nil && pool.Panic && (b.State == containers.StateUnhealthy || b.State == containers.StateEjected):
		l.text = fmt.Sprintf("%s is %s, and may get requests, as fewer than half of its pool are available", c.Name, b.State)
	default:
		l.text = fmt.Sprintf("%s is %s, and gets no new requests", c.Name, b.State)
	}
	l.text = printable(l.text)
	return l
}

// reason is why it does not serve, without the remedy, which has a line of its own.
func (w *teller) reason() string {
	c := w.container
	reason := c.Reason
	if c.Backend != nil {
		reason = cmp.Or(reason, c.Backend.Reason)
	}
	if c.Remedy == "" {
		return reason
	}
	return strings.TrimSuffix(reason, "; "+c.Remedy)
}

func routesText(p *telemetry.PoolDoc) string {
	const most = 8
	var texts []string
	for _, r := range p.Routes[:min(len(p.Routes), most)] {
		texts = append(texts, cmp.Or(r.Host, "*")+r.Path)
	}
	if p.Name == telemetry.LBPool {
		texts = append(texts, "/lb at the admin listener")
	}
	if more := len(p.Routes) - most; more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	return cmp.Or(strings.Join(texts, ", "), "nothing")
}

func shareText(p *telemetry.PoolDoc, b *telemetry.BackendDoc, share float64) string {
	switch {
	case share > 0:
		return fmt.Sprintf("%.1f %% of the pool's requests, weight %d", 100*share, b.Weight)
	case b.State == containers.StateReady && p.Panic:
		return "with all of the pool, as fewer than half of it are available"
	case b.State == containers.StateReady:
		return fmt.Sprintf("as policy %s finds with each request, weight %d", p.Policy, b.Weight)
	}
	return fmt.Sprintf("none now; weight %d", b.Weight)
}

func (w *teller) labels() {
	if len(w.container.Labels) == 0 {
		w.add(plain, "labels: none of Ballast's")
		return
	}
	w.add(plain, "labels as read:")
	for _, l := range w.container.Labels {
		text, s := l.Key+" is not set: "+l.Read, faint
		if l.Value != nil {
			text, s = l.Key+"="+*l.Value, plain
			switch {
			case l.Refused != "":
				text, s = text+", refused: "+l.Refused, bad
			case l.Read != *l.Value:
				text += ", read as " + l.Read
			}
		}
		w.lines = append(w.lines, line{"    " + printable(text), s})
	}
}
