package dashboard

import (
	"fmt"
	"strings"

	"github.com/ballast-lb/ballast/internal/telemetry"
)

const (
	// streamsShown and segmentsShown are how many pools, and backends of each, are drawn apart.
	streamsShown, segmentsShown = 24, 12
	// segmentColours is how many colours the style sheet has for them.
	segmentColours = 6
)

// topologyView is where requests come from and go to: listeners, pools, backends, with the shares of late.
type topologyView struct {
	Streams []streamView
	Left    string
}

// streamView is what one pool gets.
type streamView struct {
	// From are the listeners and routes that lead to the pool.
	From                   []string
	Pool, Path, Rate, None string
	Segments               []segmentView
}

// segmentView is a backend's share, from X on, in hundredths of the width.
type segmentView struct {
	Name, Path, Share string
	X, Width          string
	// Colour is the number of its colour in the style sheet.
	Colour int
}

func newTopology(doc telemetry.Document, listeners []string, shares map[backendKey]float64) topologyView {
	var v topologyView
	for _, p := range doc.Pools[:min(len(doc.Pools), streamsShown)] {
		v.Streams = append(v.Streams, newStreamView(p, listeners, shares))
	}
	if n := len(doc.Pools) - streamsShown; n > 0 {
		v.Left = count(n)
	}
	return v
}

func newStreamView(p telemetry.PoolDoc, listeners []string, shares map[backendKey]float64) streamView {
	v := streamView{Pool: p.Name, Path: poolPath(p.Name), Rate: rate(p.RequestsPerSecond)}
	if len(p.Routes) > 0 {
		via := strings.Join(listeners, ", ")
		for _, r := range p.Routes[:min(len(p.Routes), 3)] {
			host := r.Host
			if host == "" {
				host = "any host"
			}
			v.From = append(v.From, strings.TrimSpace(via+" "+host+" "+r.Path))
		}
		if n := len(p.Routes) - 3; n > 0 {
			v.From = append(v.From, fmt.Sprintf("and %d more routes", n))
		}
	}
	if p.Name == telemetry.LBPool {
		v.From = append(v.From, "/lb here")
	}
	if len(v.From) == 0 {
		v.From = []string{"no route"}
	}
	at, rest := 0.0, 0.0
	for i, b := range p.Backends {
		share := shares[keyOf(p.Name, b)]
		switch {
		case share <= 0:
		case len(v.Segments) == segmentsShown:
			rest += share
		default:
			v.Segments = append(v.Segments, segmentView{
				Name: b.Name, Path: containerPath(b.Name), Share: percent(share), Colour: i % segmentColours,
				X: fmt.Sprintf("%.2f", at*100), Width: fmt.Sprintf("%.2f", share*100),
			})
			at += share
		}
	}
	if rest > 0 {
		v.Segments = append(v.Segments, segmentView{
			Name: "others", Path: v.Path, Share: percent(rest), Colour: segmentColours,
			X: fmt.Sprintf("%.2f", at*100), Width: fmt.Sprintf("%.2f", rest*100),
		})
	}
	switch {
	case len(p.Backends) == 0:
		v.None = "no backends"
	case len(v.Segments) == 0:
		v.None = "no requests yet for " + plural(len(p.Backends), "backend")
	}
	return v
}
