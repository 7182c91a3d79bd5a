// Package nethttp is the front that speaks HTTP through net/http: it forwards with
// httputil.ReverseProxy, picks and counts through the core, and answers itself when it must.
//
// What it passes on: the request target byte for byte (less a prefix that is to be stripped), the
// Host header, end-to-end headers, bodies as they come, trailers, 1xx answers and WebSockets.
// What it does not: CONNECT and TRACE, upgrades to anything but WebSocket, forwarding headers of
// the client, and names that some servers read as those (X_Forwarded_For).
//
// What comes over HTTP/2 is held to what proxy/http1 lets through as well: net/http takes methods, targets and hosts there
// that are none. Refusals end a stream and not its connection.
//
// What net/http keeps from it: a request with both Content-Length and Transfer-Encoding can't be told
// from one with the latter only. It is forwarded as chunked, which is the one reading left, and the
// connection is closed after every chunked request, so that what follows it is never served.
package nethttp
