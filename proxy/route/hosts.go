package route

import (
	"bytes"
	"strings"
)

// maxHost is the length of the longest name of DNS (RFC 1035 2.3.4, without the trailing dot).
const maxHost = 253

// maxPort is the length of a colon and the longest port.
const maxPort = len(":65535")

// site is the rules of one host.
type site struct {
	paths node
	// next is tried when no path fits: the longest wildcard that all requests for this host are also under, else the
	// rules for any host. It may be nil.
	next *site
}

// hosts finds the first site of a request. What comes after it is known beforehand, by site.next.
type hosts struct {
	exact map[string]*site
	wild  map[string]*site // By what stands behind the "*.".
	any   *site            // May be nil.
	// labels is how many labels the longest wildcard has behind its "*.".
	labels int
	// reach is how many bytes at the end of a host can matter: those of the longest exact one and one that says that it
	// is longer, or a wildcard's with its dot and a byte before it.
	reach int
}

func newHosts() hosts {
	return hosts{exact: make(map[string]*site), wild: make(map[string]*site)}
}

// add returns the site of a rule's host.
func (h *hosts) add(host string) *site {
	switch kind(host) {
	case kindAny:
		if h.any == nil {
			h.any = newSite()
		}
		return h.any
	case kindWildcard:
		return h.addTo(h.wild, strings.TrimPrefix(host, wildcard), len(wildcard))
	default:
		return h.addTo(h.exact, host, 1)
	}
}

func (h *hosts) addTo(sites map[string]*site, name string, more int) *site {
	if len(name)+more > maxHost+1 {
		return newSite() // No request is matched against so much.
	}
	s := sites[name]
	if s == nil {
		s = newSite()
		sites[name] = s
		h.reach = max(h.reach, len(name)+more)
	}
	return s
}

func newSite() *site { return &site{paths: node{rule: none}} }

// link says for each site what comes after it. All must have been added.
func (h *hosts) link() {
	for name := range h.wild {
		h.labels = max(h.labels, 1+strings.Count(name, "."))
	}
	for name, s := range h.exact {
		s.next = h.above([]byte(name))
	}
	for name, s := range h.wild {
		s.next = h.above([]byte(name))
	}
}

// find returns the first site whose paths are to be tried for a request's host, nil if there is none.
func (h *hosts) find(host []byte) *site {
	if h.reach == 0 {
		return h.any
	}
	host = bytes.TrimSuffix(withoutPort(host), []byte("."))
	host = host[len(host)-min(len(host), h.reach):]
	var small [maxHost + 1]byte
	name := small[:len(host)]
	for i, c := range host {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		name[i] = c
	}
	if s := h.exact[string(name)]; s != nil {
		return s
	}
	return h.above(name)
}

// above returns the site of the longest wildcard that name is under, else that for any host.
func (h *hosts) above(name []byte) *site {
	// From the dot before as many labels as a wildcard has at most, each further one to the right is a shorter wildcard's.
	dot := len(name)
	for range h.labels {
		i := bytes.LastIndexByte(name[:dot], '.')
		if i < 1 { // Something must stand before the dot.
			break
		}
		dot = i
	}
	for dot < len(name) {
		domain := name[dot+1:]
		if s := h.wild[string(domain)]; s != nil {
			return s
		}
		i := bytes.IndexByte(domain, '.')
		if i < 0 {
			break
		}
		dot += 1 + i
	}
	return h.any
}

// withoutPort cuts off a colon and the digits behind it, if there are no more than a port has (RFC 3986 3.2.3: there may
// be none). The last colon of an address in brackets is followed by the bracket and stays.
func withoutPort(host []byte) []byte {
	for i := len(host) - 1; i >= max(0, len(host)-maxPort); i-- {
		switch c := host[i]; {
		case c == ':':
			return host[:i]
		case c < '0' || c > '9':
			return host
		}
	}
	return host
}
