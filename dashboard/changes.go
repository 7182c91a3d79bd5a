package dashboard

import (
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/internal/history"
	"github.com/ballast-lb/ballast/internal/telemetry"
)

const (
	// changesFor is how far back the overview tells of changes, changesShown how many at most.
	changesFor   = 5 * time.Minute
	changesShown = 12
)

// changesView is what has changed of late.
type changesView struct {
	List []changeView
	Left string
}

// changeView is a step of a container from one state to another.
type changeView struct {
	Time, Machine, Ago string
	Name, Path         string
	From, To, Reason   string
	// Kind is the look of its pill, Icon its drawing.
	Kind, Icon string
}

// changes are those of all containers, the newest first.
func (d *Dashboard) changes(doc telemetry.Document) changesView {
	var v changesView
	all := d.options.Changes(doc.Time.Add(-changesFor))
	for _, x := range all[:min(len(all), changesShown)] {
		v.List = append(v.List, newChangeView(doc.Time, x.Name, containerPath(x.Name), x.Change))
	}
	if n := len(all) - changesShown; n > 0 {
		v.Left = count(n)
	}
	return v
}

func newChangeView(now time.Time, name, path string, c history.Change) changeView {
	v := changeView{
		Time: clock(c.Time), Machine: c.Time.UTC().Format(time.RFC3339), Ago: ago(now, c.Time), Name: name, Path: path,
		From: string(c.From), To: string(c.To), Reason: c.Reason, Kind: string(c.To), Icon: stateIcon(c.To),
	}
	switch c.To {
	case history.StateGone:
		v.Kind, v.Icon = "calm", "stop"
	case history.StateUnrouted:
		v.To, v.Kind, v.Icon = "not routed", string(containers.StateUnhealthy), "cross"
	}
	return v
}
