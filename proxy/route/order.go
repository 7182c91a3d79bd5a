package route

import (
	"cmp"
	"strings"
)

// wildcard is what a host begins with that stands for all below a domain.
const wildcard = "*."

// canonical gives a place its one spelling, so that two claims to it are seen to be for the same.
func canonical(host, path string) (string, string) {
	if strings.Contains(host, ":") && !strings.HasPrefix(host, "[") {
		host = "[" + host + "]"
	}
	if path == "" {
		path = "/"
	}
	return host, path
}

// inOrder compares rules by precedence. Those that can't fit the same request are ordered by name, for people.
func inOrder[V any](a, b Rule[V]) int {
	if c := cmp.Compare(kind(a.Host), kind(b.Host)); c != 0 {
		return c
	}
	if a.Host != b.Host {
		if kind(a.Host) == kindWildcard {
			if c := cmp.Compare(len(b.Host), len(a.Host)); c != 0 {
				return c
			}
		}
		return cmp.Compare(a.Host, b.Host)
	}
	return cmp.Or(
		cmp.Compare(depth(b.Path), depth(a.Path)),
		cmp.Compare(a.Path, b.Path),
		cmp.Compare(a.Owner, b.Owner),
	)
}

const (
	kindExact = iota
	kindWildcard
	kindAny
)

func kind(host string) int {
	switch {
	case host == "":
		return kindAny
	case strings.HasPrefix(host, wildcard):
		return kindWildcard
	}
	return kindExact
}

// depth is the number of segments of a path.
func depth(path string) int {
	if path == "/" {
		return 0
	}
	return strings.Count(path, "/")
}
