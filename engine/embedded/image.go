package embedded

import (
	"io"
	"net/http"
	"time"

	"github.com/ballast-lb/ballast/engine"
)

// Image makes the handler of one container, anew at each start; an error makes the start fail. It
// must not call the engine. A nil Image makes containers that run and have an address, and never
// listen: thousands of them cost little.
type Image func(Instance) (http.Handler, error)

// Instance is what an image is told of the container that it is started in.
type Instance struct {
	ID, Name string
	// Labels and Env must not be written to.
	Labels, Env map[string]string
	// Stdout and Stderr take what the container writes, which Logs tells. They are safe for concurrent use.
	Stdout, Stderr io.Writer
	// Stopping is closed when the container is asked to stop, as a process is sent SIGTERM. Requests
	// in flight may finish after that.
	Stopping <-chan struct{}
	// Exit ends the container with an exit code, as a crash does: connections are cut.
	Exit func(code int)
}

// RunOption changes how Run sets a container up.
type RunOption func(*container)

// WithEnv sets environment variables. Containers made from this one get them too.
func WithEnv(env map[string]string) RunOption {
	return func(c *container) { c.env = env }
}

// WithBootTime is Options.BootTime for one container and those made from it.
// At 0 the port is open before Start returns.
func WithBootTime(d time.Duration) RunOption {
	return func(c *container) { c.bootTime = d }
}

// WithPort sets the port of a container whose image is nil; others get a free one. It is 80 without.
func WithPort(number uint16) RunOption {
	return func(c *container) { c.port = number }
}

// WithHealth gives the container a health check whose result after each start is health, until
// SetHealth says otherwise.
func WithHealth(health engine.Health) RunOption {
	return func(c *container) { c.firstHealth = health }
}

// IgnoreStop makes a container that does not end when it is asked to stop, only when it is killed.
func IgnoreStop() RunOption {
	return func(c *container) { c.ignoreStop = true }
}

// Described lets describe change what Inspect tells of the container, for what this engine does not
// do itself: other networks, grants, stop signals. Containers made from this one are not affected.
func Described(describe func(*engine.Container)) RunOption {
	return func(c *container) { c.describe = describe }
}
