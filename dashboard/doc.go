// Package dashboard is the page that shows what Ballast does: pools, backends, the containers that
// are left out and why, and the decisions of the autoscaler.
//
// The page is made here, from a telemetry.Document; htmx asks for its changing part every two
// seconds. It shows everything without JavaScript too, and asks no other host for anything.
package dashboard
