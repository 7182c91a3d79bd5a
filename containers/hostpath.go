package containers

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// parseHosts reads "shop.example, *.shop.example". Order and repetition mean nothing, so what is
// kept has neither.
func parseHosts(s *Settings, value string) error {
	elements := strings.Split(value, ",")
	hosts := make([]string, 0, len(elements))
	for _, element := range elements {
		host, err := hostOf(strings.TrimSpace(element))
		switch {
		case err != nil && len(elements) > 1:
			return fmt.Errorf("%s %w", quote(strings.TrimSpace(element)), err)
		case err != nil:
			return err
		}
		hosts = append(hosts, host)
	}
	slices.Sort(hosts)
	s.Route.Hosts = strings.Join(slices.Compact(hosts), ",")
	return nil
}

// A label of a host name. DNS has no underscore in those, but names of compose services do.
var hostLabelPattern = regexp.MustCompile(`^[a-z0-9_-]{1,63}$`)

// A port behind a name, or behind an address in brackets.
var portPattern = regexp.MustCompile(`^(\[.*\]|[^:]*):[0-9]*$`)

// longestHost is that of names in DNS, RFC 1035, section 2.3.4, less what their written form lacks.
const longestHost = 253

// hostOf is a host as Route keeps it: lower case, without the dot at the end, IPv6 without brackets
// and in its shortest form. The error says what to do.
func hostOf(value string) (string, error) {
	host := strings.ToLower(value)
	address := strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if ip, err := netip.ParseAddr(address); err == nil && ip.Zone() == "" && (address == host || ip.Is6() && host == "["+address+"]") {
		return ip.String(), nil
	}
	name := strings.TrimSuffix(strings.TrimPrefix(host, "*."), ".")
	switch {
	case value == "":
		return "", errors.New("must not be empty: leave it out to serve any host")
	case value == "*":
		return "", errors.New(`must be a host or begin with "*.": leave it out to serve any host`)
	case strings.Contains(value, "/"):
		return "", errors.New("must be a host alone: remove the scheme and the path")
	case portPattern.MatchString(host):
		return "", errors.New("must be a host alone: remove the port, routes match any")
	case strings.ContainsFunc(value, func(r rune) bool { return r > '~' }):
		return "", errors.New(`must be written in ASCII, as in "xn--bcher-kva.example"`)
	case strings.Contains(name, "*"):
		return "", errors.New(`may have a "*" only as its whole first part, as in "*.shop.example"`)
	case len(name) > longestHost:
		return "", fmt.Errorf("must have at most %d characters", longestHost)
	}
	for part := range strings.SplitSeq(name, ".") {
		if !hostLabelPattern.MatchString(part) {
			return "", errors.New(`must be a host such as "shop.example" or "*.shop.example": letters, digits, "-" and "_", at most 63 between two dots`)
		}
	}
	if strings.Trim(name, ".0123456789") == "" {
		return "", errors.New("must be a name, or a whole IPv4 address: it has only digits")
	}
	return strings.TrimSuffix(host, "."), nil
}

// parsePath reads "/api".
func parsePath(s *Settings, value string) error {
	path, err := pathOf(value)
	if err != nil {
		return err
	}
	s.Route.Path = path
	return nil
}

// longestPath is more than any that people write, and little to compare.
const longestPath = 1000

// pathOf is a path as Route keeps it: without the slash at the end, unless it is all there is. The
// error says what to do.
func pathOf(value string) (string, error) {
	switch {
	case !strings.HasPrefix(value, "/"):
		return "", errors.New(`must begin with "/", as in "/api"`)
	case len(value) > longestPath:
		return "", fmt.Errorf("must have at most %d characters", longestPath)
	case strings.ContainsAny(value, "?#"):
		return "", errors.New("must be a path alone: remove the query and the fragment")
	case strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "", errors.New(`must be of visible ASCII characters: write others as "%20"`)
	case strings.Contains(value, "//"):
		return "", errors.New(`must not have "//": write one slash`)
	}
	for segment := range strings.SplitSeq(value, "/") {
		if segment == "." || segment == ".." {
			return "", errors.New(`must not have "." or ".." between slashes: write the path that it means`)
		}
	}
	if value == "/" {
		return value, nil
	}
	return strings.TrimSuffix(value, "/"), nil
}
