package dashboard

import (
	"fmt"
	"strings"
	"time"

	"github.com/ballast-lb/ballast/internal/telemetry"
)

// frameView is what stands around every page: words and numbers as they are shown. Nothing in it is HTML; the
// templates escape all of it.
type frameView struct {
	Version, Instance, Uptime string
	LabelPrefix, Host         string
	// Title is the overview's: how things stand, readable in a row of tabs.
	Title    string
	Now      string
	Engine   engineView
	Config   configView
	Features []string
}

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

func (d *Dashboard) frame(doc telemetry.Document, r request) frameView {
	f := frameView{
		Version: doc.Version, Instance: doc.Instance, Host: r.host, LabelPrefix: d.options.LabelPrefix,
		Uptime: length(time.Duration(doc.Uptime * float64(time.Second))),
		Now:    clock(doc.Time),
		Engine: newEngineView(doc),
		Config: newConfigView(doc.Config), Features: d.options.Features(),
	}
	f.Title = fmt.Sprintf("%d/%d ready", doc.Totals.Ready, doc.Totals.Backends)
	switch {
	case !doc.Engine.Connected:
		f.Title = "engine lost"
	case doc.Totals.Backends == 0:
		f.Title = "no backends"
	}
	return f
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

// clock is the time of day. The page states that it is UTC: the reader's zone is not known here.
func clock(t time.Time) string { return t.UTC().Format("15:04:05") }
