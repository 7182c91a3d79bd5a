package telemetry

import (
	"slices"
	"strings"
	"time"

	"github.com/ballast-lb/ballast/engine"
	"github.com/ballast-lb/ballast/internal/history"
	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/health"
)

// ContainerDetail is all that is told of one container.
type ContainerDetail struct {
	ContainerDoc
	Checks ChecksDoc `json:"checks"`
	// Numbers are its as a backend; null if it is none.
	Numbers *BackendDoc `json:"numbers"`
	// History is what became of it, the newest first; empty if it is not enabled.
	History []history.Change `json:"history"`
}

// ChecksDoc is what checks of a container said.
type ChecksDoc struct {
	// Active is Ballast's own check; null if none has ended.
	Active *CheckDoc `json:"active"`
	// Engine is the container's HEALTHCHECK; null if it has none.
	Engine *EngineCheckDoc `json:"engine"`
}

// CheckDoc is the last check of a backend.
type CheckDoc struct {
	Time   time.Time `json:"time"`
	TookMS float64   `json:"took_ms"`
	Passed bool      `json:"passed"`
	// Reason says what failed.
	Reason string `json:"reason,omitempty"`
}

// EngineCheckDoc is what the engine's check of a container says.
type EngineCheckDoc struct {
	// Status is "starting", "healthy" or "unhealthy".
	Status engine.Health `json:"status"`
	// Output is the start of what it printed last, if it is unhealthy: else nobody needs it, and it may tell of the inside.
	Output string `json:"output,omitempty"`
}

// Past is what is known of a container besides its present.
type Past struct {
	// Checked is the last check of a backend; false if there was none.
	Checked func(b proxy.BackendReport) (health.Checked, bool)
	// History is what became of a container by its ID, the newest first.
	History func(id string) []history.Change
}

// NewContainerDetail tells all of one of NewContainers' containers, or of a GoneContainer.
func NewContainerDetail(in Input, past Past, c ContainerDoc) ContainerDetail {
	d := ContainerDetail{ContainerDoc: c, History: append([]history.Change{}, past.History(c.FullID)...)}
	for _, e := range in.Entries {
		if e.Container.ID != c.FullID || e.Container.Health == engine.HealthNone {
			continue
		}
		d.Checks.Engine = &EngineCheckDoc{Status: e.Container.Health}
		if e.Container.Health == engine.HealthUnhealthy {
			d.Checks.Engine.Output = e.Container.HealthOutput
		}
	}
	if c.Backend == nil {
		return d
	}
	for _, p := range in.Report.Pools {
		i := slices.IndexFunc(p.Backends, func(b proxy.BackendReport) bool { return b.Container == c.FullID })
		if i < 0 {
			continue
		}
		numbers := backendDoc(p.Backends[i])
		d.Numbers = &numbers
		if k, ok := past.Checked(p.Backends[i]); ok {
			d.Checks.Active = &CheckDoc{Time: k.Time, TookMS: milliseconds(k.Took), Passed: k.Reason == "", Reason: k.Reason}
		}
	}
	return d
}

// GoneContainer is one that the engine has no more, as far as it is remembered.
func GoneContainer(l history.Left) ContainerDoc {
	return ContainerDoc{
		ID: Short(l.ID), FullID: l.ID, Name: l.Name, Image: l.Image, Pool: l.Pool, State: string(history.StateGone), Enabled: true,
		Reason: "the engine has it no more, since " + l.Time.UTC().Format(time.RFC3339), Warnings: []string{}, Labels: []LabelDoc{},
	}
}

// Match finds the container of that name or ID, else those whose name begins so, else those whose ID does.
func Match(all []ContainerDoc, name string) (found []ContainerDoc) {
	name = strings.TrimPrefix(name, "/") // As docker inspect writes it.
	for _, fits := range []func(ContainerDoc) bool{
		func(c ContainerDoc) bool { return c.Name == name || c.FullID == name },
		func(c ContainerDoc) bool { return strings.HasPrefix(c.Name, name) },
		func(c ContainerDoc) bool { return strings.HasPrefix(c.FullID, strings.ToLower(name)) },
	} {
		for _, c := range all {
			if fits(c) {
				found = append(found, c)
			}
		}
		if len(found) > 0 {
			break
		}
	}
	return found
}
