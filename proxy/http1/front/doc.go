// Package front serves pools over HTTP/1.1 on connections of its own, with the codec of proxy/http1 and
// without net/http.
//
// A connection has one goroutine, and a buffer only while there is something in it: work, which has all that a
// request needs, is taken from a pool when the first byte is there. Who waits for what is told by an atomic
// phase with a coarse time; the janitor, one goroutine for all, looks at it about once a second and
// interrupts what takes too long. So a request sets no deadline, starts no timer and allocates nothing.
//
// A request is sent in one write with what has come of its body, and so is an answer. The rest of a body
// is copied by a goroutine of its own to the backend, and by the connection's to the client; long ones stay in
// the kernel (splice) when their length is known.
//
// What is not for a pool is handed over, connection and all, with the bytes that were read.
package front
