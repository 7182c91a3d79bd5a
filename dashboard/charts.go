package dashboard

import (
	"bytes"
	"fmt"
	"html/template"
	"math"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/ballast-lb/ballast/internal/history"
)

const (
	// chartWidth and chartHeight are the size of one panel of the drawing, in its own units.
	chartWidth, chartHeight = 600, 110
	// chartPoints is how many points a line has at most: seconds are put together by their greatest.
	chartPoints = 180
)

// chartLine is a line of a panel: its name, its class in the style sheet, its values.
type chartLine struct {
	Name, Class string
	values      history.Column
}

// chartPanel is a panel as it is drawn.
type chartPanel struct {
	Title, Top string
	Y          int
	Lines      []struct{ Name, Class, Points string }
}

// panels are what the charts show, as charts.js draws them for those who have JavaScript.
func panels(s history.Series) []chartPanel {
	all := []struct {
		title string
		lines []chartLine
	}{
		{"Requests per second", []chartLine{{"requests", "a", s.Requests}, {"errors", "b", s.Errors}}},
		{"In flight, of capacity", []chartLine{{"in flight", "a", s.InFlight}, {"capacity", "d", s.Capacity}}},
		{"Latency, milliseconds", []chartLine{{"p50", "c", s.P50}, {"p95", "a", s.P95}, {"p99", "b", s.P99}}},
		{"Replicas", []chartLine{{"ready", "c", s.Ready}, {"wanted", "d", s.Desired}, {"warm", "a", s.Warm}}},
		{"Waiting for a backend", []chartLine{{"waiting", "a", s.Queued}, {"held per second", "b", s.Held}}},
	}
	var out []chartPanel
	for i, p := range all {
		top := 0.0
		for _, l := range p.lines {
			for _, v := range l.values {
				if f := float64(v); !math.IsNaN(f) {
					top = max(top, f)
				}
			}
		}
		panel := chartPanel{Title: p.title, Top: rate(top), Y: i * (chartHeight + 40)}
		for _, l := range p.lines {
			panel.Lines = append(panel.Lines, struct{ Name, Class, Points string }{l.Name, l.Class, points(l.values, top)})
		}
		out = append(out, panel)
	}
	return out
}

// points are those of a polyline that fills the width; gaps are drawn as nothing there was.
func points(values history.Column, top float64) string {
	var b strings.Builder
	step := max(1, (len(values)+chartPoints-1)/chartPoints)
	for i := 0; i < len(values); i += step {
		most := 0.0
		for _, v := range values[i:min(i+step, len(values))] {
			if f := float64(v); !math.IsNaN(f) {
				most = max(most, f)
			}
		}
		y := float64(chartHeight)
		if top > 0 {
			y -= most / top * chartHeight
		}
		// The newest stands at the right edge.
		x := chartWidth - float64(len(values)-min(i+step, len(values)))/(history.Span-1)*chartWidth
		fmt.Fprintf(&b, "%.1f,%.1f ", x, y)
	}
	return strings.TrimSpace(b.String())
}

// serveChart draws the last minutes of a pool for who has no JavaScript.
func (d *Dashboard) serveChart(w http.ResponseWriter, r *http.Request) {
	name := chi.URLParam(r, "pool")
	s, ok := d.options.History(name)
	if !ok {
		http.NotFound(w, r)
		return
	}
	var buf bytes.Buffer
	err := d.templates.ExecuteTemplate(&buf, "chart", struct {
		Pool          string
		Width, Height int
		Style         template.CSS
		Panels        []chartPanel
	}{name, chartWidth, 5 * (chartHeight + 40), chartStyle, panels(s)})
	if err != nil {
		d.failed(w, err)
		return
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	// A picture of its own has a style of its own, and nothing else.
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = buf.WriteTo(w)
}

// chartStyle follows the reader's preference of light or dark, as the page does.
const chartStyle = `text{font:12px system-ui,sans-serif;fill:#566373}.t{font-weight:600;fill:#17222e}polyline{fill:none;stroke-width:1.5}
.a{stroke:#0b5c74}.b{stroke:#d5504c}.c{stroke:#2f9e62}.d{stroke:#566373;stroke-dasharray:6 4}.g{stroke:#dfe5eb}tspan.a,tspan.b,tspan.c,tspan.d{stroke:none}
tspan.a{fill:#0b5c74}tspan.b{fill:#a11d1d}tspan.c{fill:#17643a}
@media(prefers-color-scheme:dark){text{fill:#9dabba}.t{fill:#e3e9f0}.a{stroke:#6cc3dc}.d{stroke:#9dabba}.g{stroke:#2a3644}tspan.a{fill:#6cc3dc}tspan.b{fill:#ff9d97}tspan.c{fill:#82dba6}}`
