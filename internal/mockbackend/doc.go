// Package mockbackend is a small HTTP server to balance: it says who it is, and can be slow, fail,
// stream, echo and exit on demand.
//
// The same handler runs in the mock-backend image and, in process, under the embedded engine. It
// keeps no package state, so any number of backends may live in one process.
package mockbackend
