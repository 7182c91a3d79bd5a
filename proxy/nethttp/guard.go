package nethttp

import (
	"net/http"

	"github.com/ballast-lb/ballast/proxy"
)

// guard keeps from next what no handler should see: CONNECT, whose body would be read as further
// requests, and TRACE, which tells headers back. Both are answered 405 and the connection is closed.
func (f *Front) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if refused(r) {
			f.Answer(w, r, proxy.CauseMethod)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func refused(r *http.Request) bool {
	return r.Method == http.MethodConnect || r.Method == http.MethodTrace
}
