// Package handover passes the listening sockets of a Ballast on to the one that takes its place, so that nobody who connects
// meanwhile is turned away: what waits to be accepted waits in the socket, whoever holds it.
//
// The one that serves listens on a Unix socket. The next one connects to it and says hello; gets the listening sockets
// (SCM_RIGHTS of unix(7)), in which nothing changes for the first; opens its engine, looks at its containers, and begins to
// accept; and says ready. Only then does the first stop accepting, and says yours when it decides nothing any more. Until
// then it goes on as before if the next one fails, and the next one goes on if the first is gone. The first closes the connection when
// what it had in flight has ended, so that the next one knows from when on nobody else uses the backends.
//
// SO_REUSEPORT is no way to do this: each of its sockets has a queue of its own, and what waits in one that is closed
// is reset.
package handover
