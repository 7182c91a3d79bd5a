package nethttp

import (
	"net/http"

	"github.com/ballast-lb/ballast/proxy"
)

// Guard keeps from next what no handler should see: CONNECT, whose body would be read as further
// requests, and TRACE, which tells headers back. Both are answered 405 and the connection is closed.
func Guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if refused(r) {
			answer(w, r, proxy.CauseMethod, 0)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func refused(r *http.Request) bool {
	return r.Method == http.MethodConnect || r.Method == http.MethodTrace
}
