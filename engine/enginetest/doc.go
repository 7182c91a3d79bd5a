// Package enginetest is the conformance suite of engine.Engine. What Ballast relies on is written
// down here as tests, and every engine passes them.
package enginetest
