package dashboard

import (
	"strings"
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/internal/telemetry"
)

type containerView struct {
	ID, Name, Path, Image, Pool, PoolPath, State string
	Reason, Remedy                               string
	Warnings                                     []string
	Clone                                        bool
	// Standing is how it stands with traffic in a word, Kind the look of its pill, Icon its drawing.
	Standing, Kind, Icon string
	Numbers              []tile
	Checks               []setting
	Labels               []labelView
}

// labelView is a label as it was written and as it was read.
type labelView struct {
	Key, Written, Read, Refused string
	Default                     bool
}

func newContainerView(c telemetry.ContainerDoc) containerView {
	v := containerView{
		ID: c.ID, Name: c.Name, Path: containerPath(c.Name), Image: c.Image, Pool: c.Pool, PoolPath: poolPath(c.Pool), State: c.State,
		Reason: c.Reason, Remedy: c.Remedy, Warnings: c.Warnings, Clone: c.Clone != nil,
	}
	switch {
	case c.Backend != nil:
		state := c.Backend.State
		v.Standing, v.Kind, v.Icon = string(state), string(state), stateIcon(state)
		if v.Reason == "" {
			v.Reason = c.Backend.Reason
		}
	case c.Routed:
		v.Standing, v.Kind, v.Icon = "routed", string(containers.StateReady), "check"
	case c.Enabled:
		v.Standing, v.Kind, v.Icon = "not routed", "bad", "cross"
	default:
		v.Standing, v.Kind, v.Icon = "not labelled", "calm", "dot"
	}
	// A reason ends with its remedy, which has a place of its own.
	v.Reason = strings.TrimSuffix(v.Reason, "; "+v.Remedy)
	return v
}

func containersPage(all []telemetry.ContainerDoc) sheet {
	var v struct{ All []containerView }
	for _, c := range all {
		v.All = append(v.All, newContainerView(c))
	}
	return sheet{
		Title: plural(len(all), "container"), Layout: "only", Nav: "/containers",
		Sections: []section{{ID: "content", Template: "containers-page", Data: v}},
	}
}

func (d *Dashboard) containerPage(doc telemetry.Document, id string) sheet {
	c, ok := d.options.Container(id)
	if !ok {
		return missing("There is no container "+id, "The engine has none of this name or ID, now, or several. It may have been removed while you looked.")
	}
	v := newContainerView(c.ContainerDoc)
	for _, l := range c.Labels {
		w := labelView{Key: l.Key, Read: l.Read, Refused: l.Refused, Default: l.Default, Written: none}
		if l.Value != nil {
			w.Written = *l.Value
		}
		v.Labels = append(v.Labels, w)
	}
	v.Checks = checks(doc.Time, c.Checks)
	if b := c.Numbers; b != nil {
		v.Numbers = []tile{
			{Label: "Address", Value: b.Address},
			{Label: "Weight", Value: count(b.Weight)},
			{Label: "In flight", Value: count(b.InFlight)},
			{Label: "Requests", Value: count(b.Requests)},
			{Label: "Errors", Value: count(b.Errors), Bad: b.Errors > 0},
			{Label: "p50", Value: latency(b.Latency.P50)},
			{Label: "p95", Value: latency(b.Latency.P95)},
			{Label: "p99", Value: latency(b.Latency.P99)},
		}
	}
	var life []changeView
	for _, x := range c.History {
		life = append(life, newChangeView(doc.Time, c.Name, "", x))
	}
	return sheet{
		Title: c.Name, Layout: "one-container", Nav: "/containers",
		Sections: []section{
			{ID: "container", Template: "container", Data: v},
			{ID: "acts", Template: "container-acts", Data: d.containerActs(doc, c.ContainerDoc)},
			{ID: "life", Template: "life", Data: life},
			{ID: "labels", Template: "labels", Data: v.Labels},
		},
	}
}

// checks say what the last checks of a container said.
func checks(now time.Time, c telemetry.ChecksDoc) []setting {
	var out []setting
	if a := c.Active; a != nil {
		text := "passed in " + latency(a.TookMS)
		if !a.Passed {
			text = "failed: " + a.Reason
		}
		out = append(out, setting{"Ballast's check, " + ago(now, a.Time), text})
	}
	if e := c.Engine; e != nil {
		text := string(e.Status)
		if e.Output != "" {
			text += ": " + e.Output
		}
		out = append(out, setting{"its HEALTHCHECK", text})
	}
	return out
}
