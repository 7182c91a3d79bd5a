package nethttp

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
)

type tlsKey struct{}

// noteTLS is a server's ConnContext, for connections that were handed over with something read: they speak TLS,
// but are no *tls.Conn, by which net/http knows it.
func noteTLS(ctx context.Context, conn net.Conn) context.Context {
	if _, known := conn.(*tls.Conn); known {
		return ctx
	}
	if secured, ok := conn.(interface{ ConnectionState() tls.ConnectionState }); ok {
		state := secured.ConnectionState()
		return context.WithValue(ctx, tlsKey{}, &state)
	}
	return ctx
}

// withTLS tells requests what noteTLS has found.
func withTLS(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil {
			r.TLS, _ = r.Context().Value(tlsKey{}).(*tls.ConnectionState)
		}
		next.ServeHTTP(w, r)
	})
}
