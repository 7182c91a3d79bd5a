// Package plot draws runs of the autoscaler, simulated or real, as SVG: demand, capacity and latency over time.
package plot

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/ballast-lb/ballast/containers/autoscale/sim"
)

// The plot's measures, in its own pixels: for each policy a panel of demand and capacity above one of latency.
const (
	plotWidth   = 960.0
	plotLeft    = 76.0
	plotRight   = 24.0
	plotTop     = 96.0
	loadHeight  = 120.0
	delayHeight = 64.0
	panelGap    = 20.0
	blockGap    = 54.0
	plotBottom  = 44.0
	// plotTimes is how many times the highest demand is drawn at most: what is far beyond would hide the rest.
	plotTimes = 2.5
)

const plotStyle = `
svg { --ground: #ffffff; --ink: #1f2430; --faint: #636b7a; --rule: #dfe3ea; --demand: #1f2430; --capacity: #2f7ed8; --fill: #2f7ed833; --p95: #c2410c; --slo: #b91c1c;
  background: var(--ground); font: 12px system-ui, sans-serif }
@media (prefers-color-scheme: dark) { svg { --ground: #14171d; --ink: #e6e9ef; --faint: #9aa3b2; --rule: #2c323d; --demand: #e6e9ef; --capacity: #6cb0ff; --fill: #6cb0ff33; --p95: #fb923c; --slo: #f87171 } }
text { fill: var(--faint) } .title { font-size: 17px; font-weight: 600; fill: var(--ink) } .name { font-size: 13px; font-weight: 600; fill: var(--ink) }
.ground { fill: var(--ground) } .rule { stroke: var(--rule); stroke-width: 1 } .end { text-anchor: end } .middle { text-anchor: middle }
.demand { fill: none; stroke: var(--demand); stroke-width: 1.1 } .capacity { fill: var(--fill); stroke: var(--capacity); stroke-width: 1.3 }
.p95 { fill: none; stroke: var(--p95); stroke-width: 1.3 } .slo { stroke: var(--slo); stroke-width: 1; stroke-dasharray: 5 4 }
`

// plot is one that is being drawn.
type plot struct {
	bytes.Buffer
	service, slo float64 // In seconds.
	length       time.Duration
	// most is the highest of demand and capacity, slowest of the latencies; both are round.
	most, fastest, slowest float64
}

// About is what a plot says of all its runs.
type About struct {
	Title, Settings string
	// Service is what a request takes, SLO what it is to be answered within, Length how long each run was.
	Service, SLO, Length time.Duration
}

// SVG draws outcomes, one below the other with the same scales. It follows the reader's preference of light or dark.
func SVG(a About, outcomes []sim.Outcome) []byte {
	p := &plot{service: a.Service.Seconds(), slo: a.SLO.Seconds(), length: a.Length}
	p.scales(outcomes)
	block := loadHeight + panelGap + delayHeight + blockGap
	height := plotTop + float64(len(outcomes))*block + plotBottom - blockGap/2
	p.f(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" width="%g" height="%g" role="img" aria-labelledby="title desc">`+"\n", plotWidth, height, plotWidth, height)
	p.f("<title id=\"title\">%s: demand, capacity and latency</title>\n", escaped(a.Title))
	p.f("<desc id=\"desc\">%s.", escaped(a.Settings))
	for i := range outcomes {
		o := &outcomes[i]
		p.f(" %s: %.2f %% violations at %.2f times the least cost, at most %d replicas.", escaped(o.Label), o.Violations, o.Cost, o.Peak)
	}
	p.f("</desc>\n<style>%s</style>\n<rect class=\"ground\" width=\"100%%\" height=\"100%%\"/>\n", plotStyle)
	p.f("<text class=\"title\" x=\"%g\" y=\"32\">%s</text>\n", plotLeft, escaped(a.Title))
	p.f("<text x=\"%g\" y=\"52\">%s</text>\n", plotLeft, escaped(a.Settings))
	p.legend()
	for i := range outcomes {
		p.block(&outcomes[i], plotTop+float64(i)*block, i == len(outcomes)-1)
	}
	p.f("</svg>\n")
	return p.Bytes()
}

func (p *plot) f(format string, args ...any) { fmt.Fprintf(p, format, args...) }

func escaped(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // A Builder takes everything.
	return b.String()
}

// scales finds the ends of the axes.
func (p *plot) scales(outcomes []sim.Outcome) {
	most, demand, slowest, fastest := 1.0, 1.0, 2*p.slo, p.service
	for i := range outcomes {
		c := &outcomes[i].Curve
		for j := range c.Demand {
			demand = max(demand, c.Demand[j])
			most = max(most, c.Demand[j], c.Capacity[j]/p.service)
			slowest = max(slowest, c.P95[j])
			if c.P95[j] > 0 {
				fastest = min(fastest, c.P95[j])
			}
		}
	}
	p.most = roundUp(min(most, plotTimes*demand))
	p.slowest = math.Pow(10, math.Ceil(math.Log10(slowest)))
	p.fastest = math.Pow(10, math.Floor(math.Log10(fastest)))
}

// roundUp goes to the next 1, 2 or 5 with zeros, and forgives what calculating with fractions adds.
func roundUp(x float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(x)))
	for _, n := range [...]float64{1, 2, 5} {
		if n*unit >= x*(1-1e-9) {
			return n * unit
		}
	}
	return 10 * unit
}

func (p *plot) legend() {
	x := plotLeft
	for _, l := range [...]struct{ class, text string }{
		{"demand", "requests per second"}, {"capacity", "what ready replicas can serve (cut at the top)"}, {"p95", "p95 of the time to answer"}, {"slo", "SLO"},
	} {
		p.f("<path class=\"%s\" d=\"M%g 70h22\"/><text x=\"%g\" y=\"74\">%s</text>\n", l.class, x, x+28, l.text)
		x += 28 + 6.4*float64(len(l.text)) + 26
	}
}

// x is where share of the time is.
func x(share float64) float64 { return plotLeft + share*(plotWidth-plotLeft-plotRight) }

// block draws one policy from top on; the last one has the times below it.
func (p *plot) block(o *sim.Outcome, top float64, last bool) {
	right := plotWidth - plotRight
	p.f("<g>\n<text class=\"name\" x=\"%g\" y=\"%.1f\">%s</text>\n", plotLeft, top+14, escaped(o.Label))
	p.f("<text class=\"end\" x=\"%g\" y=\"%.1f\">%.2f %% violations · cost %.2f · %d actions · peak %d</text>\n", right, top+14, o.Violations, o.Cost, o.Actions, o.Peak)
	bottom := top + 22 + loadHeight
	load := func(v float64) float64 { return bottom - loadHeight*min(v/p.most, 1) }
	for _, v := range [...]float64{0, p.most / 2, p.most} {
		p.tick(load(v), fmt.Sprintf("%g/s", v))
	}
	capacity := make([]float64, len(o.Curve.Capacity))
	for i, slots := range o.Curve.Capacity {
		capacity[i] = slots / p.service
	}
	line := path(capacity, load, func(float64) bool { return true })
	if len(capacity) > 0 {
		p.f("<path class=\"capacity\" d=\"%sV%.1fH%.1fZ\"/>\n", line, bottom, x(0.5/float64(len(capacity))))
	}
	p.f("<path class=\"demand\" d=\"%s\"/>\n", path(o.Curve.Demand, load, func(float64) bool { return true }))

	bottom += panelGap + delayHeight
	decades := math.Log10(p.slowest / p.fastest)
	delay := func(v float64) float64 { return bottom - delayHeight*math.Log10(max(v, p.fastest)/p.fastest)/decades }
	for v := p.fastest; v <= p.slowest*1.001; v *= 10 {
		p.tick(delay(v), seconds(v))
	}
	p.f("<path class=\"slo\" d=\"M%g %.1fH%g\"/>\n", plotLeft, delay(p.slo), right)
	p.f("<path class=\"p95\" d=\"%s\"/>\n</g>\n", path(o.Curve.P95, delay, func(v float64) bool { return v > 0 }))
	if !last {
		return
	}
	const times = 6
	for i := range times + 1 {
		at := time.Duration(float64(p.length) * float64(i) / times).Round(time.Second)
		p.f("<text class=\"middle\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", x(float64(i)/times), bottom+20, at)
	}
}

// tick draws a line across, with its value.
func (p *plot) tick(y float64, text string) {
	p.f("<path class=\"rule\" d=\"M%g %.1fH%g\"/><text class=\"end\" x=\"%g\" y=\"%.1f\">%s</text>\n", plotLeft, y, plotWidth-plotRight, plotLeft-8, y+4, text)
}

func seconds(v float64) string {
	return time.Duration(v * float64(time.Second)).Round(100 * time.Microsecond).String()
}

// path draws the values that are there, with gaps for the others.
func path(values []float64, y func(float64) float64, is func(float64) bool) string {
	var b strings.Builder
	command := 'M'
	for i, v := range values {
		if !is(v) {
			command = 'M'
			continue
		}
		fmt.Fprintf(&b, "%c%.1f %.1f", command, x((float64(i)+0.5)/float64(len(values))), y(v))
		command = 'L'
	}
	if command == 'M' && b.Len() == 0 {
		return "M0 0"
	}
	return b.String()
}
