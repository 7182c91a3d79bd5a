// Package auth knows who acts: users from a file of bcrypt hashes, who prove themselves with every request (HTTP Basic, for
// programs) or once (a form and a cookie, for the page). Whoever only looks needs neither.
//
// The cookie is for the paths of the page alone. What backends serve under /lb of the same host never gets it.
package auth
