package containers

import (
	"fmt"
)

// merge makes a pool of its members, which are by name, ascending. The configuration wins, then the
// lowest container name that sets a label. Clones carry the labels that their template had when they
// were made, so they have a say only where no original is left.
func merge(prefix Prefix, configured map[string]string, members []member) *Pool {
	p := &Pool{Settings: defaultSettings}
	voters := originals(members)
	if len(voters) == 0 {
		voters = members
	}
	set := make(map[string]bool) // by the configuration or a label
	for name, value := range configured {
		def := byName[name]
		if def == nil || def.scope != scopePool || def.setting(&p.Settings, value) != nil {
			continue // Build has no say in this: the configuration was validated where it was read.
		}
		set[name] = true
	}
	chosen := choose(voters)
	for i := range table {
		def := &table[i]
		c, ok := chosen[def.name]
		if !ok || set[def.name] {
			continue
		}
		set[def.name] = true
		_ = def.setting(&p.Settings, c.value) // Only what parses is chosen.
		if c.others > 0 {
			p.Warnings = append(p.Warnings, c.disagreement(prefix.Key(def.name)))
		}
	}
	if s := &p.Settings; s.Scale.Max > 0 && !set["concurrency"] {
		s.Concurrency = scalingConcurrency
	}
	if limit := &p.Settings.RateLimit; !set["rate-limit.burst"] {
		limit.Burst = limit.Rate.Count
	}
	p.chooseTemplate(prefix, members)
	p.warn(prefix, set, voters)
	return p
}

// scalingConcurrency is that of a pool that scales and does not say.
const scalingConcurrency = 20

// choice is the value of a label that won, and who else wanted what.
type choice struct {
	value, container string
	// other is the first that disagreed, with its value; others counts all of them.
	other, otherValue string
	others            int
}

func (c choice) disagreement(key string) string {
	more := ""
	if c.others > 1 {
		more = fmt.Sprintf(" (and %d more disagree)", c.others-1)
	}
	return fmt.Sprintf("%s: %s says %s and %s says %s%s; %s wins, having the lowest name",
		key, c.container, quote(c.value), c.other, quote(c.otherValue), more, c.container)
}

func choose(voters []member) map[string]choice {
	chosen := make(map[string]choice)
	for _, m := range voters {
		for name, value := range m.labels.settings {
			c, ok := chosen[name]
			switch {
			case !ok:
				c = choice{value: value, container: m.container.Name}
			case c.value == value || sameSetting(name, c.value, value):
				continue
			default:
				if c.others == 0 {
					c.other, c.otherValue = m.container.Name, value
				}
				c.others++
			}
			chosen[name] = c
		}
	}
	return chosen
}

// sameSetting says whether two texts, such as 60s and 1m, mean the same.
func sameSetting(name, a, b string) bool {
	var left, right Settings
	def := byName[name]
	return def.setting(&left, a) == nil && def.setting(&right, b) == nil && left == right
}

func originals(members []member) []member {
	var found []member
	for _, m := range members {
		// What claims to be a clone and is nobody's is no original either.
		if !m.labels.cloned {
			found = append(found, m)
		}
	}
	return found
}

// chooseTemplate takes the original that asks for it, else the lowest name that serves, else the
// lowest name: a stopped container can be copied too, unless it is replaced.
func (p *Pool) chooseTemplate(prefix Prefix, members []member) {
	var asked, serving, first member
	for _, m := range originals(members) {
		if m.replaced {
			continue
		}
		if m.labels.template && asked.container != nil {
			p.Warnings = append(p.Warnings, fmt.Sprintf("%s=true on %s and %s; clones are made from %s, having the lowest name",
				prefix.Key("scale.template"), asked.container.Name, m.container.Name, asked.container.Name))
			continue
		}
		if m.labels.template {
			asked = m
		}
		if m.routed && serving.container == nil {
			serving = m
		}
		if first.container == nil {
			first = m
		}
	}
	for _, m := range []member{asked, serving, first} {
		if m.container != nil {
			p.Template = m.container.ID
			return
		}
	}
}

// warn tells of settings without effect, and mends those that contradict each other.
func (p *Pool) warn(prefix Prefix, set map[string]bool, voters []member) {
	say := func(format string, args ...any) { p.Warnings = append(p.Warnings, fmt.Sprintf(format, args...)) }
	s := &p.Settings
	scale := &s.Scale
	serving := 0
	for _, m := range voters {
		if m.routed && !m.labels.cloned {
			serving++
		}
	}
	if scale.Max > 0 {
		if scale.Min > scale.Max {
			if set["scale.min"] {
				say("%s=%d is above %s=%d; %d is used for both", prefix.Key("scale.min"), scale.Min, prefix.Key("scale.max"), scale.Max, scale.Max)
			}
			scale.Min = scale.Max
		}
		if scale.Max < serving {
			say("%s=%d, but %d containers that Ballast did not make serve already; it will make none", prefix.Key("scale.max"), scale.Max, serving)
		}
		if s.Concurrency == 0 && scale.Requests.Count == 0 && scale.RPS == 0 && scale.CPU == 0 && scale.Memory == 0 {
			say("%s=0 and no %s: there is nothing to scale by", prefix.Key("concurrency"), prefix.Key("scale.rps"))
		}
	}
	for _, name := range withoutEffect(s, set) {
		say("%s has no effect without %s", prefix.Key(name[0]), prefix.Key(name[1]))
	}
}

// warnOfNoRoute tells that nothing leads to the pool. The default pool takes what no route is for.
func (p *Pool) warnOfNoRoute(prefix Prefix) {
	if p.Name != defaultPool && p.Settings.Route.Hosts == "" && p.Settings.Route.Path == "" {
		p.Warnings = append(p.Warnings, fmt.Sprintf("no route leads to it: set %s or %s", prefix.Key("host"), prefix.Key("path")))
	}
}

// defaultPool is what containers join that name no pool.
const defaultPool = "default"

// withoutEffect are the settings that were set and need another one, with that one.
func withoutEffect(s *Settings, set map[string]bool) [][2]string {
	var found [][2]string
	needs := func(off bool, needed string, names ...string) {
		for _, name := range names {
			if off && set[name] {
				found = append(found, [2]string{name, needed})
			}
		}
	}
	needs(s.Scale.Max == 0, "scale.max", "scale.min", "scale.image", "scale.requests", "scale.rps", "scale.latency", "scale.cpu",
		"scale.memory", "scale.warm", "scale.hold-down", "scale.dry-run", "scale.wait-page", "scale.ignore-agents")
	needs(s.Scale.Max == 0 || s.Scale.Min > 0, "scale.min=0 and scale.max", "scale.idle")
	needs(!s.Sticky.Enabled, "sticky=true", "sticky.ttl", "sticky.cookie")
	needs(s.Health.Path == "", "health.path", "health.status")
	needs(s.Route.Path == "", "path", "strip-path")
	needs(s.Route.Path == "/", "path longer than /", "strip-path")
	needs(s.Policy != "maglev", "policy=maglev", "hash")
	queues := s.Concurrency > 0 || s.Scale.Max > 0
	needs(!queues, "concurrency or scale.max", "queue.size", "queue.timeout")
	needs(queues && s.Queue.Size == 0, "queue.size above 0", "queue.timeout")
	needs(s.RateLimit.Rate.Count == 0, "rate-limit", "rate-limit.burst")
	return found
}
