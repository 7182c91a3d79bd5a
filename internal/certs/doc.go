// Package certs is the TLS side of the traffic listener: certificates from files that are reloaded
// when they change (Files), certificates from an ACME CA (ACME), the choice between the two
// (Combined), and the protocol settings of the listener (Config).
//
// Files and ACME follow the house's rule: New looks at the options and starts nothing, Run(ctx) does
// the work and has ended all of it when it returns. What a handshake reads is safe to call at any
// time, before, during and after Run.
package certs
