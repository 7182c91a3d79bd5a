package containers

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Label is one label under Ballast's prefix with what it was read as.
type Label struct {
	// Key is whole, with the prefix; Value is as written.
	Key, Value string
	// Read is what it was taken for, in the notation of labels; empty if it was refused.
	Read string
	// Default says that the container does not have the label, and that Read is what holds then.
	Default bool
	// Refused says why it has no effect; empty if it has.
	Refused string
}

// ReadLabels tells what the labels of one container were read as: those under the prefix, by key, and no
// others, which may hold secrets. If it is enabled, the labels of a container that it lacks and that
// have a default follow.
func ReadLabels(prefix Prefix, all map[string]string) []Label {
	var out []Label
	for _, key := range ownKeys(prefix, all) {
		l := Label{Key: key, Value: all[key]}
		name := key[len(prefix)+1:]
		def := byName[name]
		var err error
		switch {
		case def == nil:
			l.Refused = "is not a label of this version" + suggest(prefix, name, scopeContainer, scopePool)
		case name == "enable":
			if l.Read = l.Value; l.Value != "true" {
				l.Read, l.Refused = "", `only "true" joins`
			}
		case def.scope == scopePool:
			l.Read, err = readSetting(def, l.Value)
		default:
			l.Read, err = readOwn(def, l.Value)
		}
		if err != nil {
			l.Refused = err.Error()
		}
		out = append(out, l)
	}
	if !prefix.Enabled(all) {
		return out
	}
	for i := range ownTable {
		key := prefix.Key(ownTable[i].name)
		if _, has := all[key]; !has && ownTable[i].initial != "" {
			out = append(out, Label{Key: key, Read: ownTable[i].initial, Default: true})
		}
	}
	return out
}

// A parser writes the same fields with the same values whatever stood there before. So a value is parsed over
// two that differ in every field, and what is equal in both then is what was read.

func readSetting(def *label, value string) (string, error) {
	var one, other Settings
	disturb(reflect.ValueOf(&other).Elem())
	if err := def.setting(&one, value); err != nil {
		return "", err
	}
	if value == "off" {
		return value, nil
	}
	_ = def.setting(&other, value) // It parses: that has just been seen.
	return written(def.name, reflect.ValueOf(one), reflect.ValueOf(other)), nil
}

func readOwn(def *label, value string) (string, error) {
	var one labels
	other := labels{
		pool: "?", weight: -1, port: -1, scheme: "?", network: "?", template: true, heal: "?",
		cloned: true, owner: "?", origin: "?", slot: -1, revision: "?",
	}
	if err := def.own(&one, value); err != nil {
		return "", err
	}
	_ = def.own(&other, value)
	return written(def.name, reflect.ValueOf(one), reflect.ValueOf(other)), nil
}

// disturb puts values that no label reads as into every field.
func disturb(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for _, field := range v.Fields() {
			disturb(field)
		}
	case reflect.Bool:
		v.SetBool(true)
	case reflect.String:
		v.SetString("?")
	default:
		v.SetInt(-1)
	}
}

// written shows the fields that are equal, as the label of that name is written.
func written(name string, one, other reflect.Value) string {
	separator := "-" // of the two fields of health.status
	switch name {
	case "hash":
		separator = ":"
	case "scale.requests", "rate-limit":
		separator = "/"
	}
	return strings.Join(equalFields(one, other), separator)
}

func equalFields(one, other reflect.Value) (out []string) {
	switch one.Kind() {
	case reflect.Struct:
		for i := range one.NumField() {
			out = append(out, equalFields(one.Field(i), other.Field(i))...)
		}
	case reflect.Bool:
		if one.Bool() == other.Bool() {
			out = append(out, strconv.FormatBool(one.Bool()))
		}
	case reflect.String:
		if s := one.String(); s == other.String() && s != "" {
			out = append(out, s)
		}
	case reflect.Int, reflect.Int64:
		if one.Int() != other.Int() {
			break
		}
		if one.Type() == reflect.TypeFor[time.Duration]() {
			out = append(out, shortSpan(time.Duration(one.Int())))
			break
		}
		out = append(out, strconv.FormatInt(one.Int(), 10))
	}
	return out
}

// shortSpan writes 1h and not 1h0m0s.
func shortSpan(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// Nearest are those of names that name was probably meant to be, the likeliest first: those that contain it, or it
// them, and those that differ in a few characters. There are at most three.
func Nearest(name string, names []string) []string {
	const longest, most = 255, 3
	if name == "" || len(name) > longest {
		return nil
	}
	byDistance := make([][]string, max(1, len(name)/4)+1)
	for _, n := range names {
		if len(n) > longest {
			continue
		}
		d := distance(strings.ToLower(name), strings.ToLower(n))
		if strings.Contains(n, name) || n != "" && strings.Contains(name, n) {
			d = min(d, 1)
		}
		if d < len(byDistance) {
			byDistance[d] = append(byDistance[d], n)
		}
	}
	var out []string
	for _, at := range byDistance {
		out = append(out, at...)
	}
	return out[:min(len(out), most)]
}

// labelsRefused is what to do about labels that do not parse.
func labelsRefused(name string) string {
	return fmt.Sprintf("mend the label and recreate %s: the labels of a container can't be changed", name)
}
