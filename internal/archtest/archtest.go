// Package archtest holds the tests that keep the arrows of ARCHITECTURE.md: which package may
// depend on which.
package archtest
