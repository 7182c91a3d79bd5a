package containers

import (
	"fmt"
	"regexp"
)

// DefaultPrefix is what Ballast's labels begin with unless configured otherwise.
const DefaultPrefix Prefix = "ballast"

// Prefix is what the names of Ballast's labels begin with, without the dot that follows it.
type Prefix string

var prefixPattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$`)

// ParsePrefix checks a configured prefix.
func ParsePrefix(s string) (Prefix, error) {
	if !prefixPattern.MatchString(s) {
		return "", fmt.Errorf("%s: must be 1 to 63 of a-z, 0-9, '.' and '-', beginning and ending with a letter or digit, such as %q",
			quote(s), DefaultPrefix)
	}
	return Prefix(s), nil
}

// Key is the whole name of a label: "ballast.pool" for "pool".
func (p Prefix) Key(name string) string { return string(p) + "." + name }

// Enabled says whether a container with these labels asks to be managed.
func (p Prefix) Enabled(labels map[string]string) bool { return labels[p.Key("enable")] == "true" }
