// Package app wires Ballast together: it opens the engine, starts the components, owns the one URL
// table and shuts everything down in order.
package app
