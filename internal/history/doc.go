// Package history remembers what was: the last 15 minutes of each pool, second by second, and the last changes of state of
// each container. What it remembers is bounded, and kept in memory alone.
package history
