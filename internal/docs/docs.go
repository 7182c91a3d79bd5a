// Package docs keeps the reference pages true to the code: its test compares them, and go generate
// writes them. docs/labels.md is kept by package containers, docs/cli.md by cmd/ballast.
package docs

//go:generate go test -run ^TestPages$ -update .
