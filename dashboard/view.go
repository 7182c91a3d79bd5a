package dashboard

import (
	"fmt"
	"strings"
	"time"

	"github.com/ballast-lb/ballast/containers/autoscale"
	"github.com/ballast-lb/ballast/internal/telemetry"
)

// decisionsShown is how many of the newest decisions the page lists.
const decisionsShown = 20

// page is what the templates draw: words and numbers as they are shown. Nothing in it is HTML; the
// templates escape all of it.
type page struct {
	Version, Instance, Uptime string
	LabelPrefix, Host         string
	// Title is the window's: how things stand, readable in a row of tabs.
	Title     string
	Now       string
	Engine    engineView
	Config    configView
	Tiles     []tile
	Pools     []poolView
	Left      []containerView
	Decisions []decisionView
	Features  []string
}

// Empty says that no container has joined.
func (p page) Empty() bool { return len(p.Pools) == 0 && len(p.Left) == 0 }

type engineView struct {
	Name string
	// Connected and Synced decide between the page, the page with a warning, and the first wait.
	Connected, Synced bool
	Docker            bool
	Status            string
	LastSync          string
	Since, SinceAgo   string
	Error             string
}

type configView struct {
	File, Failed, Error string
	Pending             []string
}

// tile is one number of the first row.
type tile struct {
	Label, Value, Note string
	Bad                bool
}

type containerView struct {
	ID, Name, Image, Pool, State, Reason string
	Warnings                             []string
	Clone                                bool
}

type decisionView struct {
	Time, Machine, Ago string
	Pool, Reason       string
	From, To           string
	Action, Icon       string
	// Kind names the look: out, in or refuse.
	Kind   string
	DryRun bool
}

func newPage(d telemetry.Document, shares map[backendKey]float64) page {
	p := page{
		Version: d.Version, Instance: d.Instance,
		Uptime: length(time.Duration(d.Uptime * float64(time.Second))),
		Now:    clock(d.Time),
		Engine: newEngineView(d),
		Config: newConfigView(d.Config),
		Tiles:  newTiles(d.Totals),
	}
	p.Title = fmt.Sprintf("%d/%d ready", d.Totals.Ready, d.Totals.Backends)
	switch {
	case !d.Engine.Connected:
		p.Title = "engine lost"
	case d.Totals.Backends == 0:
		p.Title = "no backends"
	}
	for _, pool := range d.Pools {
		p.Pools = append(p.Pools, newPoolView(pool, d, shares))
	}
	for _, c := range d.Containers {
		if !c.Routed {
			p.Left = append(p.Left, containerView{
				ID: c.ID, Name: c.Name, Image: c.Image, Pool: c.Pool, State: c.State, Reason: c.Reason,
				Warnings: c.Warnings, Clone: c.Clone != nil,
			})
		}
	}
	for _, x := range d.Decisions[:min(len(d.Decisions), decisionsShown)] {
		p.Decisions = append(p.Decisions, newDecisionView(d.Time, x))
	}
	return p
}

func newEngineView(d telemetry.Document) engineView {
	e := d.Engine
	v := engineView{
		Name:      strings.TrimSpace(engineName(e.Kind) + " " + e.Version),
		Docker:    e.Kind != "embedded",
		Connected: e.Connected, Synced: e.LastSync != nil,
		Status: "connected", LastSync: "never",
		Error: e.Error,
	}
	if !e.Connected {
		v.Status = "not reachable"
	}
	if e.LastSync != nil {
		v.LastSync = ago(d.Time, *e.LastSync)
	}
	if e.Since != nil {
		v.Since, v.SinceAgo = clock(*e.Since), length(d.Time.Sub(*e.Since))
	}
	return v
}

func newConfigView(c telemetry.ConfigDoc) configView {
	v := configView{File: c.File, Error: c.Error, Pending: c.Pending}
	if c.Failed != nil {
		v.Failed = clock(*c.Failed)
	}
	return v
}

func engineName(kind string) string {
	switch kind {
	case "docker":
		return "Docker"
	case "embedded":
		return "Embedded engine"
	case "":
		return "Engine"
	}
	return kind
}

func newTiles(t telemetry.Totals) []tile {
	errors := tile{Label: "Errors", Value: count(t.Errors), Note: "none so far", Bad: t.Errors > 0}
	if t.Errors > 0 {
		errors.Note = fmt.Sprintf("%.2f %% of all", 100*float64(t.Errors)/float64(max(t.Requests, 1)))
	}
	ready := tile{Label: "Ready", Value: count(t.Ready), Note: "of " + plural(t.Backends, "backend"), Bad: t.Ready < t.Backends}
	inFlight := tile{Label: "In flight", Value: count(t.InFlight), Note: "right now"}
	if t.Queued > 0 {
		inFlight.Note = count(t.Queued) + " of them waiting"
	}
	return []tile{
		{Label: "Requests per second", Value: rate(t.RequestsPerSecond), Note: "mean of 10 s"},
		inFlight,
		{Label: "Requests", Value: count(t.Requests), Note: "all pools"},
		errors,
		ready,
	}
}

func newDecisionView(now time.Time, d autoscale.Decision) decisionView {
	v := decisionView{
		Time: clock(d.Time), Machine: d.Time.UTC().Format(time.RFC3339), Ago: ago(now, d.Time),
		Pool: d.Pool, Reason: d.Reason, DryRun: d.DryRun,
		From: count(d.From), To: count(d.To),
	}
	switch d.Action {
	case autoscale.ActionScaleOut:
		v.Action, v.Kind, v.Icon = "Scale out", "out", "up"
	case autoscale.ActionScaleIn:
		v.Action, v.Kind, v.Icon = "Scale in", "in", "down"
	case autoscale.ActionRefuse:
		v.Action, v.Kind, v.Icon = "Refused", "refuse", "warning"
	default:
		v.Action, v.Kind, v.Icon = string(d.Action), "in", "dot"
	}
	return v
}

// clock is the time of day. The page states that it is UTC: the reader's zone is not known here.
func clock(t time.Time) string { return t.UTC().Format("15:04:05") }
