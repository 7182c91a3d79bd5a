// Package dashboard is the pages that show what Ballast does: pools, backends, the containers that
// are left out and why, and the decisions of the autoscaler; and the forms by which people act.
//
// Pages are made here, from a telemetry.Document; what changes of them is sent over SSE and morphed in by
// htmx. They show everything without JavaScript too, and ask no other host for anything.
package dashboard
