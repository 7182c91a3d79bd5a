package nethttp

import (
	"strconv"
	"strings"
	"time"

	"github.com/ballast-lb/ballast/containers"
)

// cookie returns the value of the first cookie called name, or nothing. It is any client's
// input: what it is good for is decided by whether a backend knows it.
func cookie(lines []string, name string) string {
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ";") {
			key, value, ok := strings.Cut(strings.TrimSpace(part), "=")
			if ok && key == name {
				return strings.Trim(value, `"`)
			}
		}
	}
	return ""
}

// setCookie is the header that brings the client back to the backend.
func setCookie(s containers.Sticky, value string, secure bool) string {
	line := s.Cookie + "=" + value + "; Path=/; Max-Age=" + strconv.Itoa(int(s.TTL/time.Second)) + "; HttpOnly; SameSite=Lax"
	if secure {
		line += "; Secure"
	}
	return line
}
