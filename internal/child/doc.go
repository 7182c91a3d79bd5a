// Package child runs programs beside this one, pinned to cores, and reads what they use from Linux. It is for the
// tools that measure.
package child
