// Package conformance holds the fronts to what others wrote down of the protocols: h2spec for HTTP/2, gRPC's and a
// WebSocket library's own clients and servers at both ends, and the floods that HTTP/2 servers fell to. All of
// it are tests.
package conformance
