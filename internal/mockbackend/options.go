package mockbackend

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

// The environment variables that OptionsFromEnv reads.
const (
	EnvName        = "MOCK_NAME"
	EnvWeight      = "MOCK_WEIGHT"
	EnvLatency     = "MOCK_LATENCY"
	EnvSlots       = "MOCK_SLOTS"
	EnvBootDelay   = "MOCK_BOOT_DELAY"
	EnvFailureRate = "MOCK_FAILURE_RATE"
	EnvListen      = "MOCK_LISTEN"
	EnvH2C         = "MOCK_H2C"
)

// DefaultListen is the address that a mock backend listens on unless told otherwise.
const DefaultListen = ":8080"

// Options say who a mock backend is and how it behaves. The zero value answers at once, always and
// without a limit.
type Options struct {
	// Name is who it says it is: the container's name, or the host name where that is not known.
	Name string
	// ID is the container's, left out of answers when empty.
	ID string
	// Weight is only repeated in answers: a process can't read its own container's labels.
	Weight int
	// Latency is how long every answer of / and /slow takes at least.
	Latency time.Duration
	// Slots is how many requests to / and /slow are worked on at once; those beyond wait in line,
	// first come first served. 0 is no limit.
	Slots int
	// FailureRate is the share, 0 to 1, of requests to / and /slow that are answered 500.
	FailureRate float64
	// BootDelay is how long the process waits before it listens, Listen where it then does, and H2C whether it
	// speaks HTTP/2 without TLS there as well. They are for whoever runs the handler; New ignores them.
	BootDelay time.Duration
	Listen    string
	H2C       bool
	// Exit ends the container for /exit, after the answer was sent. It is called by the request's
	// own goroutine, so it must not wait for requests to end. Without it /exit answers 501.
	Exit func(code int)
	// Deafen has no connection accepted any more, for /deaf; what runs goes on. Without it /deaf answers 501.
	Deafen func()
}

// OptionsFromEnv reads options through env, a function like os.Getenv. All problems are reported
// at once, each with its variable, its value and what would be right.
func OptionsFromEnv(env func(string) string) (Options, error) {
	r := envReader{env: env}
	o := Options{
		Name:        env(EnvName),
		Weight:      r.integer(EnvWeight, 1, 256),
		Latency:     r.duration(EnvLatency),
		Slots:       r.integer(EnvSlots, 0, 1_000_000),
		FailureRate: r.share(EnvFailureRate),
		BootDelay:   r.duration(EnvBootDelay),
		Listen:      r.address(EnvListen),
		H2C:         r.yesNo(EnvH2C),
	}
	return o, errors.Join(r.problems...)
}

// envReader collects the problems of several variables.
type envReader struct {
	env      func(string) string
	problems []error
}

func (r *envReader) problem(key, value, remedy string) {
	r.problems = append(r.problems, fmt.Errorf("%s=%q: %s", key, value, remedy))
}

func (r *envReader) integer(key string, fallback, highest int) int {
	value := r.env(key)
	if value == "" {
		return fallback
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 || n > highest {
		r.problem(key, value, fmt.Sprintf("must be a whole number from 0 to %d", highest))
		return fallback
	}
	return n
}

func (r *envReader) duration(key string) time.Duration {
	value := r.env(key)
	if value == "" {
		return 0
	}
	d, err := time.ParseDuration(value)
	if err != nil || d < 0 {
		r.problem(key, value, "must be a duration such as 50ms or 2s, not below 0")
		return 0
	}
	return d
}

func (r *envReader) share(key string) float64 {
	value := r.env(key)
	if value == "" {
		return 0
	}
	f, err := strconv.ParseFloat(value, 64)
	if err != nil || !(f >= 0 && f <= 1) {
		r.problem(key, value, "must be a share from 0 (never) to 1 (always), such as 0.05")
		return 0
	}
	return f
}

func (r *envReader) yesNo(key string) bool {
	value := r.env(key)
	if value != "" && value != "true" && value != "false" {
		r.problem(key, value, "must be true or false")
	}
	return value == "true"
}

func (r *envReader) address(key string) string {
	value := r.env(key)
	if value == "" {
		return DefaultListen
	}
	_, port, err := net.SplitHostPort(value)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		r.problem(key, value, "must be an address such as :8080 or 127.0.0.1:8080")
		return DefaultListen
	}
	return value
}
