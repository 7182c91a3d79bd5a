package containers

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The parsers here are made for one field of T each. Their errors say what is allowed; the caller
// puts the key and the value before it.

func whole[T any](lo, hi int, field func(*T) *int) func(*T, string) error {
	return func(t *T, value string) error {
		n, err := parseWhole(value, lo, hi)
		if err != nil {
			return err
		}
		*field(t) = n
		return nil
	}
}

func parseWhole(value string, lo, hi int) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < lo || n > hi {
		return 0, fmt.Errorf("must be a whole number from %d to %d", lo, hi)
	}
	return n, nil
}

// span is a duration within the limits.
func span[T any](lo, hi time.Duration, field func(*T) *time.Duration) func(*T, string) error {
	return func(t *T, value string) error {
		d, err := parseSpan(value, lo, hi)
		if err != nil {
			return err
		}
		*field(t) = d
		return nil
	}
}

func parseSpan(value string, lo, hi time.Duration) (time.Duration, error) {
	d, err := time.ParseDuration(value)
	if err != nil || d < lo || d > hi {
		return 0, fmt.Errorf(`must be a time from %v to %v with its unit, such as "500ms", "10s" or "1m"`, lo, hi)
	}
	return d, nil
}

// orOff lets the word "off" stand for the zero value that off sets.
func orOff[T any](off func(*T), parse func(*T, string) error) func(*T, string) error {
	return func(t *T, value string) error {
		if value == "off" {
			off(t)
			return nil
		}
		if err := parse(t, value); err != nil {
			return fmt.Errorf(`%w; or "off"`, err)
		}
		return nil
	}
}

func yesNo[T any](field func(*T) *bool) func(*T, string) error {
	return func(t *T, value string) error {
		if value != "true" && value != "false" {
			return errors.New(`must be "true" or "false"`)
		}
		*field(t) = value == "true"
		return nil
	}
}

func oneOf[T any](field func(*T) *string, allowed ...string) func(*T, string) error {
	return func(t *T, value string) error {
		if !slices.Contains(allowed, value) {
			return fmt.Errorf("must be one of %s", strings.Join(allowed, ", "))
		}
		*field(t) = value
		return nil
	}
}

// text is a string that matches a pattern; allowed says in words what that asks for.
func text[T any](pattern *regexp.Regexp, allowed string, field func(*T) *string) func(*T, string) error {
	return func(t *T, value string) error {
		if !pattern.MatchString(value) {
			return errors.New("must be " + allowed)
		}
		*field(t) = value
		return nil
	}
}

var (
	poolPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
	// Names of containers and networks.
	namePattern     = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$`)
	revisionPattern = regexp.MustCompile(`^[0-9a-f]{12}$`)
	ownerPattern    = regexp.MustCompile(`^[\x21-\x7e]{1,255}$`)
	// A token of RFC 9110, section 5.6.2, is what a cookie name must be.
	tokenPattern = regexp.MustCompile("^[a-zA-Z0-9!#$%&'*+.^_`|~-]{1,64}$")
	// tokenWords says in words what tokenPattern asks for.
	tokenWords   = "1 to 64 letters, digits or any of !#$%&'*+-.^_`|~"
	imagePattern = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._/:@-]{0,511}$`)
	// No "//", which would begin a host; no query or fragment, which a path has no place for.
	pathPattern = regexp.MustCompile(`^/([\x21\x22\x24-\x2e\x30-\x3e\x40-\x7e][\x21\x22\x24-\x3e\x40-\x7e]{0,999})?$`)
)

// What backends speak.
const (
	SchemeHTTP  = "http"  // HTTP/1.1.
	SchemeHTTPS = "https" // HTTP/2 or HTTP/1.1 over TLS.
	SchemeH2C   = "h2c"   // HTTP/2 without TLS.
)

func parseScheme(l *labels, value string) error {
	switch value {
	case SchemeHTTP, SchemeHTTPS, SchemeH2C:
		l.scheme = value
		return nil
	}
	return errors.New("must be http, https or h2c")
}

// parseStatus reads "204" or "200-399".
func parseStatus(s *Settings, value string) error {
	first, last, isRange := strings.Cut(value, "-")
	if !isRange {
		last = first
	}
	lo, err1 := parseWhole(first, 100, 599)
	hi, err2 := parseWhole(last, 100, 599)
	if err1 != nil || err2 != nil || lo > hi {
		return errors.New(`must be a status from 100 to 599 or a range of them, such as "200" or "200-399"`)
	}
	s.Health.StatusMin, s.Health.StatusMax = lo, hi
	return nil
}

// rate reads "20/15s"; "100/s" is the same as "100/1s".
func rate(field func(*Settings) *Rate) func(*Settings, string) error {
	return func(s *Settings, value string) error {
		count, interval, _ := strings.Cut(value, "/")
		switch interval {
		case "s", "m", "h":
			interval = "1" + interval
		}
		n, err1 := parseWhole(count, 1, most)
		d, err2 := parseSpan(interval, 100*time.Millisecond, time.Hour)
		if err1 != nil || err2 != nil {
			return errors.New(`must be a number of requests per time of 100ms to 1h, such as "20/15s" or "100/s"`)
		}
		*field(s) = Rate{Count: n, Interval: d}
		return nil
	}
}

// parseHash reads "ip", "path", "header:X-Tenant" or "cookie:tenant".
func parseHash(s *Settings, value string) error {
	source, name, named := strings.Cut(value, ":")
	takesName := source == HashHeader || source == HashCookie
	switch {
	case !takesName && source != HashIP && source != HashPath, takesName != named:
		return errors.New("must be ip, path, header:NAME or cookie:NAME")
	case named && !tokenPattern.MatchString(name):
		return fmt.Errorf("must name the %s with %s", source, tokenWords)
	case source == HashHeader:
		name = strings.ToLower(name)
	}
	s.Hash = Hash{Source: source, Name: name}
	return nil
}

// parseAgents reads "kube-probe,*bot*".
func parseAgents(s *Settings, value string) error {
	patterns := strings.Split(strings.ToLower(value), ",")
	for i, p := range patterns {
		patterns[i] = strings.TrimSpace(p)
		if strings.Trim(patterns[i], "*") == "" || len(p) > 200 {
			return errors.New("must be patterns separated by commas, each with 1 to 200 characters that are not all *")
		}
	}
	s.Scale.IgnoreAgents = strings.Join(patterns, ",")
	return nil
}

// quote shows a value of unknown length to a person.
func quote(value string) string {
	const most = 80
	if len(value) <= most {
		return strconv.Quote(value)
	}
	return strconv.Quote(value[:most]) + fmt.Sprintf("… (%d bytes)", len(value))
}

// printable shows a key, quoted only if it needs that.
func printable(key string) string {
	if quoted := quote(key); len(quoted) != len(key)+2 {
		return quoted
	}
	return key
}

// problem says what is wrong with the value of a key.
func problem(key, value string, err error) error {
	return fmt.Errorf("%s=%s: %w", key, quote(value), err)
}
