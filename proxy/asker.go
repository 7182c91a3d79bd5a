package proxy

import "strings"

// Asker is who sends a request, as far as it matters for whether it may wait. It is asked only where that matters,
// by the goroutine that serves the request.
type Asker interface {
	// Agent is the User-Agent.
	Agent() string
	// Navigates says whether it is a browser that opens a page; see the function of that name.
	Navigates() bool
}

// Navigates says whether a request is one of a browser that opens a page, and shows whatever it is answered: by its method
// and the values of Accept, Sec-Fetch-Mode and X-Requested-With.
func Navigates(method, accept, mode, requestedWith string) bool {
	return method == "GET" && requestedWith == "" && (mode == "" || strings.EqualFold(mode, "navigate")) && WantsHTML(accept)
}
