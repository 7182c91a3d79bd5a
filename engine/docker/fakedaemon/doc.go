// Package fakedaemon is test support: an HTTP server that speaks as much of the Docker Engine API 1.41 as
// engine/docker calls, with state of its own instead of containers, and with faults that a real daemon can't
// be made to show. It passes engine/enginetest through engine/docker. It imports nothing of Docker's, so that what
// it says on the wire is written down here and not taken from the client that reads it.
package fakedaemon
