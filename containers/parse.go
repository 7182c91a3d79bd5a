package containers

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// labels is what the labels of one container say.
type labels struct {
	pool   string
	weight int
	// port and network are zero if not set.
	port            int
	scheme, network string
	template        bool
	heal            string
	// cloned, owner, origin, slot and revision are as written; clone is set when they make sense together.
	cloned        bool
	owner, origin string
	slot          int
	revision      string
	clone         *Clone
	// settings are the values of the pool's settings that it sets, by name; all of them parse.
	settings map[string]string
	// warnings are about labels without effect.
	warnings []string
}

// parseLabels reads the labels of an enabled container. The error joins all that is wrong; what
// parsed is returned with it.
func parseLabels(prefix Prefix, all map[string]string) (labels, error) {
	l := defaultLabels
	var problems []error
	for _, key := range ownKeys(prefix, all) {
		name, value := key[len(prefix)+1:], all[key]
		def := byName[name]
		switch {
		case def == nil:
			l.warnings = append(l.warnings, printable(key)+" is not a label of this version"+suggest(prefix, name, scopeContainer, scopePool))
		case def.scope == scopePool:
			var scratch Settings
			if err := def.setting(&scratch, value); err != nil {
				problems = append(problems, problem(key, value, err))
				continue
			}
			if l.settings == nil {
				l.settings = make(map[string]string)
			}
			l.settings[name] = value
		case def.scope == scopeClone:
			// A container that is not ours for sure still serves: its bad labels only make it nobody's.
			if err := def.own(&l, value); err != nil {
				l.warnings = append(l.warnings, problem(key, value, err).Error())
			}
		default:
			if err := def.own(&l, value); err != nil {
				problems = append(problems, problem(key, value, err))
				if name == "pool" {
					l.pool = ""
				}
			}
		}
	}
	l.readOwnership(prefix)
	if err := checkRange(prefix.Key("scale.min"), prefix.Key("scale.max"), l.settings); err != nil {
		problems = append(problems, err)
	}
	return l, errors.Join(problems...)
}

// ownKeys are the keys under the prefix, ascending so that messages come in a stable order.
func ownKeys(prefix Prefix, all map[string]string) []string {
	begin := string(prefix) + "."
	keys := make([]string, 0, 16)
	for key := range all {
		if strings.HasPrefix(key, begin) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

func (l *labels) readOwnership(prefix Prefix) {
	whole := l.owner != "" && l.origin != "" && l.slot > 0
	switch {
	case l.cloned && whole:
		l.clone = &Clone{Owner: l.owner, Template: l.origin, Slot: l.slot, Revision: l.revision}
	case l.cloned:
		l.warnings = append(l.warnings, fmt.Sprintf("%s=true without a good %s, %s and %s: treated as nobody's clone",
			prefix.Key("clone"), prefix.Key("owner"), prefix.Key("template"), prefix.Key("slot")))
	case l.owner != "" || l.origin != "" || l.slot > 0:
		l.warnings = append(l.warnings, fmt.Sprintf("labels of a clone have no effect without %s=true", prefix.Key("clone")))
	}
}

// checkRange says whether the fewest and the most replicas contradict each other in values that
// parse one by one.
func checkRange(minKey, maxKey string, values map[string]string) error {
	if _, ok := values["scale.min"]; !ok {
		return nil
	}
	s := defaultSettings
	for _, name := range []string{"scale.min", "scale.max"} {
		if value, ok := values[name]; ok && byName[name].setting(&s, value) != nil {
			return nil //nolint:nilerr // Said already, of that value alone.
		}
	}
	if s.Scale.Max == 0 || s.Scale.Min <= s.Scale.Max {
		return nil
	}
	return fmt.Errorf("%s=%d: must not be above %s=%d", minKey, s.Scale.Min, maxKey, s.Scale.Max)
}

// PoolConfig is the part of the configuration that sets pools' settings: by pool name, by label
// name without prefix. It wins over labels.
type PoolConfig map[string]map[string]string

// SettingError is one thing that is wrong with the settings of pools.
type SettingError struct {
	// Key is as in pools.web.policy, Value as written; Remedy says what it must be, or what to do.
	Key, Value, Remedy string
	text               string
}

// Error is a line with all of it.
func (e *SettingError) Error() string { return e.text }

// Validate joins all that is wrong, each a SettingError.
func (c PoolConfig) Validate() error {
	var problems []error
	for _, pool := range slices.Sorted(maps.Keys(c)) {
		if !poolPattern.MatchString(pool) {
			const remedy = "a pool's name must be 1 to 63 of a-z, 0-9 and '-', not beginning with '-'"
			problems = append(problems, &SettingError{"pools." + pool, "", remedy, fmt.Sprintf("pools.%s: %s", pool, remedy)})
		}
		begin := Prefix("pools." + pool)
		for _, name := range slices.Sorted(maps.Keys(c[pool])) {
			if err := validateSetting(begin, name, c[pool][name]); err != nil {
				problems = append(problems, err)
			}
		}
		minKey := begin.Key("scale.min")
		if err := checkRange(minKey, begin.Key("scale.max"), c[pool]); err != nil {
			value := c[pool]["scale.min"]
			problems = append(problems, &SettingError{minKey, value, "must not be above " + begin.Key("scale.max"), err.Error()})
		}
	}
	return errors.Join(problems...)
}

// validateSetting returns nil, or a SettingError.
func validateSetting(begin Prefix, name, value string) error {
	key := begin.Key(name)
	def := byName[name]
	switch {
	case def == nil:
		hint := suggest(begin, name, scopePool)
		return &SettingError{
			key, value, cmp.Or(strings.TrimPrefix(hint, "; "), "remove it"),
			fmt.Sprintf("%s is not a setting of this version%s", printable(key), hint),
		}
	case def.scope != scopePool:
		return &SettingError{key, value, "set it as a label of the containers", key + ": is a label of containers, not a setting of pools"}
	}
	if err := def.setting(new(Settings), value); err != nil {
		return &SettingError{key, value, err.Error(), problem(key, value, err).Error()}
	}
	return nil
}

// suggest names the label of these scopes that was probably meant, if one is close enough to be no
// wild guess.
func suggest(begin Prefix, name string, among ...scope) string {
	const longest = 64 // Longer than any label: nobody meant one of ours.
	if len(name) > longest {
		return ""
	}
	best, bestDistance := "", max(1, len(name)/4)+1
	for _, l := range table {
		if d := distance(name, l.name); d < bestDistance && slices.Contains(among, l.scope) {
			best, bestDistance = l.name, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", begin.Key(best))
}

// distance is the optimal string alignment distance: single insertions, deletions, substitutions
// and swaps of neighbours.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			substitution := last[j-1]
			if a[i-1] != b[j-1] {
				substitution++
			}
			row[j] = min(last[j]+1, row[j-1]+1, substitution)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
