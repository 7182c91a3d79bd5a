// Command chaos proves that nobody notices what happens behind Ballast: while requests come at a steady rate, containers of a
// real engine are stopped, killed, paused, replaced, restarted, scaled and cut off, the engine is restarted and frozen,
// and Ballast itself is killed and replaced, in an order that follows from a seed.
//
// Each answer must be from a container of the pool that was asked, whose addresses are used again and again. Every request that fails is told with what may have been the cause. The only ones that are excused are those that nobody
// could have saved: POST requests, and answers that had begun or never came, of a container that was killed or cut off while it
// served them; POST requests that came to a container in the very moment in which it closed the connection, to end: whether it read
// them nobody can tell; and whatever met a Ballast that was killed, until its successor answers.
//
// It runs an engine of its own (dockerd with live-restore on a bridge of its own), so that it can restart it, and needs root for
// that.
package main
