package route_test

import (
	"cmp"
	"regexp"
	"strings"

	"github.com/ballast-lb/ballast/proxy/route"
)

type rule = route.Rule[string]

var requestHost = regexp.MustCompile(`(?s)^(.*?)\.?(?::[0-9]{0,5})?$`)

// model answers as Lookup must, by looking at all the rules. There must be no conflicts among them.
func model(rules []rule, host, path string) (string, bool) {
	name := strings.Map(func(c rune) rune {
		if c >= 'A' && c <= 'Z' {
			return c + 'a' - 'A'
		}
		return c
	}, requestHost.FindStringSubmatch(strings.ToValidUTF8(host, "?"))[1])
	var best *rule
	for _, r := range rules {
		if hostFits(r.Host, name) && pathFits(r.Path, path) && (best == nil || before(r, *best)) {
			best = &r
		}
	}
	if best == nil {
		return "", false
	}
	return best.Value, true
}

func hostFits(pattern, name string) bool {
	if domain, ok := strings.CutPrefix(pattern, "*"); ok {
		return strings.HasSuffix(name, domain) && len(name) > len(domain)
	}
	return pattern == "" || pattern == name
}

func pathFits(prefix, path string) bool {
	return prefix == "/" || strings.HasPrefix(path+"/", prefix+"/")
}

// before says whether a is to be preferred to b. Both fit.
func before(a, b rule) bool {
	weight := func(host string) int {
		switch {
		case host == "":
			return 0
		case host[0] == '*':
			return len(host)
		}
		return 1000
	}
	segments := func(path string) int { return len(strings.Split(strings.TrimSuffix(path, "/"), "/")) }
	return cmp.Or(cmp.Compare(weight(a.Host), weight(b.Host)), cmp.Compare(segments(a.Path), segments(b.Path))) > 0
}
