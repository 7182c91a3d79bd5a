// Package front serves pools over HTTP/1.1 on connections of its own, with the codec of proxy/http1 and
// without net/http.
//
// ARCHITECTURE.md explains it under "The wire". In the order of a request's way: client.go waits, serve.go reads
// heads, exchange.go asks backends, respond.go and relay.go pass answers on, pump.go the bodies of requests, tunnel.go
// what follows an upgrade, handoff.go gives connections away and leave.go ends them. phase.go and janitor.go are the limits
// in time, upstream.go the connections to backends, peer.go who is at the other end.
package front
