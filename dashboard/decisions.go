package dashboard

import (
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/ballast-lb/ballast/containers/autoscale"
	"github.com/ballast-lb/ballast/internal/telemetry"
)

type decisionsView struct {
	Shown bool
	List  []decisionView
	// More is where all of them are, None what is said if there are none.
	More, None string
}

type decisionView struct {
	Time, Machine, Ago     string
	Pool, PoolPath, Reason string
	From, To               string
	Action, Icon           string
	// Kind names the look: out, in or refuse.
	Kind   string
	DryRun bool
	Inputs []setting
}

// newDecisionViews are the first n of those of a document.
func newDecisionViews(doc telemetry.Document, all []autoscale.Decision, n int) []decisionView {
	var out []decisionView
	for _, x := range all[:min(len(all), n)] {
		out = append(out, newDecisionView(doc.Time, x))
	}
	return out
}

func newDecisionView(now time.Time, d autoscale.Decision) decisionView {
	v := decisionView{
		Time: clock(d.Time), Machine: d.Time.UTC().Format(time.RFC3339), Ago: ago(now, d.Time),
		Pool: d.Pool, PoolPath: poolPath(d.Pool), Reason: d.Reason, DryRun: d.DryRun,
		From: count(d.From), To: count(d.To), Inputs: inputs(d.Inputs),
	}
	v.Action, v.Kind, v.Icon = actionLook(d.Action)
	return v
}

// actionLook is an action's name, the look of its pill and its drawing.
func actionLook(a autoscale.Action) (name, kind, icon string) {
	switch a {
	case autoscale.ActionScaleOut:
		return "Scale out", "out", "up"
	case autoscale.ActionScaleIn:
		return "Scale in", "in", "down"
	case autoscale.ActionRefuse:
		return "Refused", "refuse", "warning"
	case autoscale.ActionSet:
		return "By hand", "in", "dot"
	}
	return string(a), "in", "dot"
}

// inputs are the numbers that a decision was made from, without those that were nothing.
func inputs(in autoscale.Inputs) []setting {
	var out []setting
	add := func(name string, value float64, text string) {
		if value != 0 {
			out = append(out, setting{name, text})
		}
	}
	whole := func(name string, n int) { add(name, float64(n), count(n)) }
	number := func(name string, f float64, unit string) {
		add(name, f, strconv.FormatFloat(f, 'g', 4, 64)+unit)
	}
	whole("ready", in.Ready)
	whole("starting", in.Starting)
	whole("unhealthy", in.Unhealthy)
	whole("warm", in.Warm)
	whole("draining", in.Draining)
	whole("not made by Ballast", in.Originals)
	whole("in flight", in.InFlight)
	whole("waiting", in.Queued)
	number("requests per second", in.Rate, "")
	number("one request takes", in.ServiceSeconds, " s")
	number("busy slots", in.BusySlots, "")
	number("headroom, slots", in.Headroom, "")
	number("backlog, slots", in.Backlog, "")
	whole("slots per backend", in.Concurrency)
	number("next capacity in", in.CapacityInSeconds, " s")
	add("requests in the interval", float64(in.Requests), count(in.Requests))
	number("p95", in.P95Milliseconds, " ms")
	number("processor", in.CPU, " %")
	number("memory", in.Memory, " %")
	whole("min", in.Min)
	whole("max", in.Max)
	return out
}

// choice is one value of a filter.
type choice struct {
	Name, Path string
	Here       bool
}

type decisionsPageView struct {
	decisionsView
	Pool           string
	Limit          int
	Pools, Actions []choice
}

// decisionsPage lists decisions, of one pool and of one kind if the query says so.
func decisionsPage(doc telemetry.Document, query url.Values) sheet {
	pool, action := query.Get("pool"), query.Get("action")
	v := decisionsPageView{Pool: pool, Limit: decisionsListed}
	v.None = "None yet: nothing has been scaled."
	if pool != "" || action != "" {
		v.None = "None of this choice."
	}
	v.Pools = []choice{{"All pools", decisionsPath("", action), pool == ""}}
	for _, name := range decidedPools(doc) {
		v.Pools = append(v.Pools, choice{name, decisionsPath(name, action), pool == name})
	}
	v.Actions = []choice{{"All actions", decisionsPath(pool, ""), action == ""}}
	for _, a := range []autoscale.Action{autoscale.ActionScaleOut, autoscale.ActionScaleIn, autoscale.ActionRefuse, autoscale.ActionSet} {
		name, _, _ := actionLook(a)
		v.Actions = append(v.Actions, choice{name, decisionsPath(pool, string(a)), action == string(a)})
	}
	var chosen []autoscale.Decision
	for _, x := range doc.Decisions {
		if (pool == "" || x.Pool == pool) && (action == "" || string(x.Action) == action) {
			chosen = append(chosen, x)
		}
	}
	v.List = newDecisionViews(doc, chosen, decisionsListed)
	return sheet{
		Title: "Decisions", Layout: "only", Nav: "/decisions",
		Sections: []section{{ID: "content", Template: "decisions-page", Data: v}},
	}
}

// decidedPools are the pools that scale or have been scaled, by name.
func decidedPools(doc telemetry.Document) []string {
	var names []string
	for _, p := range doc.Pools {
		if p.Replicas.Max > 0 {
			names = append(names, p.Name)
		}
	}
	for _, x := range doc.Decisions {
		names = append(names, x.Pool)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
