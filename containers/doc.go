// Package containers turns labelled containers into pools of backends, and looks after the
// containers that Ballast itself makes.
//
// The flow is one way: engine.Container values -> labels -> backends -> an immutable Snapshot of
// pools, built whole by Build and published by the Reconciler. Fleet goes the other way: it brings
// a pool to a number of replicas by creating clones of its template, and by draining and removing
// them. Neither knows how requests travel.
package containers
