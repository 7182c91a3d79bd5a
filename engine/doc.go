// Package engine is the small interface between Ballast and whatever runs containers.
//
// It holds plain values and one interface, and imports nothing but the standard library. The
// adapters live below it: engine/docker talks to a Docker Engine, engine/embedded runs backends
// inside this process. Both pass the conformance suite of engine/enginetest.
package engine
