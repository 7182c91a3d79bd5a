package containers

import (
	"strings"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/engine"
)

// journal logs what became of each container and pool, once until it changes.
type journal struct {
	log zerolog.Logger
	// said is the last word on each container by ID, warned that on each pool by name.
	said   map[string]word
	warned map[string]string
}

// word is what was said of a container.
type word struct{ name, text string }

func (j *journal) snapshot(s *Snapshot) {
	said := make(map[string]word, len(s.Entries))
	for i := range s.Entries {
		e := &s.Entries[i]
		now := word{e.Container.Name, strings.Join(append([]string{e.Pool, e.Reason}, e.Warnings...), "\n")}
		said[e.Container.ID] = now
		if last, ok := j.said[e.Container.ID]; !ok || last.text != now.text {
			j.entry(e)
		}
	}
	for id, last := range j.said {
		if _, ok := said[id]; !ok {
			j.log.Info().Str("container", last.name).Msg("container gone")
		}
	}
	warned := make(map[string]string, len(s.Pools))
	for _, p := range s.Pools {
		warned[p.Name] = strings.Join(p.Warnings, "\n")
		if warned[p.Name] != "" && j.warned[p.Name] != warned[p.Name] {
			j.log.Warn().Str("pool", p.Name).Strs("warnings", p.Warnings).Msg("pool has doubtful settings")
		}
	}
	j.said, j.warned = said, warned
}

func (j *journal) entry(e *Entry) {
	level := zerolog.InfoLevel
	// One that runs was meant to serve.
	if len(e.Warnings) > 0 || !e.Routed && e.Container.State == engine.StateRunning {
		level = zerolog.WarnLevel
	}
	event := j.log.WithLevel(level).Str("container", e.Container.Name).Str("pool", e.Pool)
	if len(e.Warnings) > 0 {
		event = event.Strs("warnings", e.Warnings)
	}
	if e.Routed {
		event.Msg("container joined")
		return
	}
	event.Str("reason", e.Reason).Msg("container not routed")
}
