// Package embedded is an engine that runs containers inside this process: each is an HTTP server on
// a loopback port of its own. It is for the demo, for tests, and for machines without Docker.
//
// It behaves as Docker does where Ballast can tell: Start returns before the process answers, a stop
// is a signal first and a death later, a paused container is connected to and does not answer, a
// restart is a new start time, and events may be lost by who reads them slowly.
package embedded
