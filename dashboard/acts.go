package dashboard

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"

	"github.com/ballast-lb/ballast/containers/autoscale"
	"github.com/ballast-lb/ballast/internal/telemetry"
)

// poolActsView is what can be done to a pool by hand, and what is in force.
type poolActsView struct {
	// Off says that nobody may act, Fixed why nothing can be done to this pool.
	Off     bool
	Fixed   string
	Path    string
	InForce []string
	Desired string
	Min     string
	Max     string
	// Most is Max in digits alone.
	Most    int
	Paused  bool
	Limited bool
}

func (d *Dashboard) poolActs(p telemetry.PoolDoc) poolActsView {
	v := poolActsView{
		Off: !d.options.MayAct, Path: "/dashboard/act/pools/" + url.PathEscape(p.Name),
		Desired: count(p.Replicas.Desired), Min: count(p.Replicas.Min), Max: count(p.Replicas.Max), Most: p.Replicas.Max,
	}
	if p.Replicas.Max == 0 {
		v.Fixed = "This pool has a fixed size: it scales once a container sets " + d.options.LabelPrefix + ".scale.max."
	}
	o := p.Override
	if o == nil {
		return v
	}
	v.Paused, v.Limited = o.Paused != nil, o.Min != nil || o.Max != nil
	v.InForce = inForce(o)
	return v
}

// inForce says what is set by hand, by whom and since when.
func inForce(o *telemetry.OverrideDoc) []string {
	var out []string
	by := func(m autoscale.Mark) string { return ", by " + m.By + " at " + clock(m.At) + " UTC" }
	if o.Paused != nil {
		out = append(out, "Autoscaling is paused"+by(*o.Paused))
	}
	if o.Replicas != nil {
		out = append(out, fmt.Sprintf("Replicas are set to %d%s", o.Replicas.N, by(o.Replicas.Mark)))
	}
	if o.Min != nil {
		out = append(out, fmt.Sprintf("The minimum is set to %d%s", o.Min.N, by(o.Min.Mark)))
	}
	if o.Max != nil {
		out = append(out, fmt.Sprintf("The maximum is set to %d%s", o.Max.N, by(o.Max.Mark)))
	}
	for _, b := range o.Drained {
		out = append(out, b.Name+" is taken out of rotation"+by(b.Mark))
	}
	return out
}

// containerActsView is what can be done to a container by hand.
type containerActsView struct {
	Shown, Off, Routed, Clone, Drained bool
	Name, Path, LogsPath               string
}

func (d *Dashboard) containerActs(doc telemetry.Document, c telemetry.ContainerDoc) containerActsView {
	v := containerActsView{
		Shown: c.Enabled, Off: !d.options.MayAct, Routed: c.Routed, Clone: c.Clone != nil, Name: c.Name,
		Path: "/dashboard/act/containers/" + url.PathEscape(c.FullID), LogsPath: "/dashboard/logs/" + url.PathEscape(c.FullID),
	}
	for _, p := range doc.Pools {
		if p.Name != c.Pool || p.Override == nil {
			continue
		}
		for _, b := range p.Override.Drained {
			v.Drained = v.Drained || b.ID == c.ID
		}
	}
	return v
}

// Outcome is what came of what somebody did on a page.
type Outcome struct {
	Text string
	// Bad says that it was refused or failed, LogIn that logging in helps.
	Bad, LogIn bool
	// Lines are what was asked for, if that was to read.
	Lines []string
	// Back is the page that it was done on.
	Back string
}

// ServeOutcome answers with what came of it: for htmx as a part of the page that it was done on, else as a page of its own.
func (d *Dashboard) ServeOutcome(w http.ResponseWriter, r *http.Request, status int, o Outcome) {
	if r.Header.Get("HX-Request") == "" {
		s := sheet{Title: "By hand", Layout: "only", Still: true, Sections: []section{{ID: "content", Template: "outcome-page", Data: o}}}
		setHeaders(w.Header())
		d.serveSheet(w, status, d.framed(request{host: r.Host, path: o.Back}, s), o.Back)
		return
	}
	var buf bytes.Buffer
	if err := d.templates.ExecuteTemplate(&buf, "outcome", o); err != nil {
		d.failed(w, err)
		return
	}
	setHeaders(w.Header())
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	// htmx shows nothing of an error's answer; what was refused is to be read.
	_, _ = buf.WriteTo(w)
}
