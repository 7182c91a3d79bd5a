// Command replay sends the requests of a trace to a pool of real containers behind a real Ballast, and then runs the
// simulator on the very same requests, to see whether the two agree. "make replay" builds and runs it.
//
// Requests are sent when they are due, whether those before have been answered or not (an open loop), and their time
// counts from when they were due. Every one asks its backend, a mock with as many slots as the pool's concurrency, to
// take as long as the simulator draws for it.
package main
