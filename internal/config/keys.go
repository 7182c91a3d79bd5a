package config

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/containers"
)

// Key is one configuration key, as documented and as read.
type Key struct {
	// Name is the key in the file and the flag; Default its value as text; Example another one, where that
	// helps.
	Name, Default, Example string
	// Meaning is a line for people, with the allowed values.
	Meaning string

	set func(c *Config, value string) error
}

// Env is the environment variable that sets the key.
func (k Key) Env() string {
	return envPrefix + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(k.Name))
}

const envPrefix = "BALLAST_"

// Values are all that the key may be, or those that are words if it may be something else as well; nil if there are none.
func (k Key) Values() []string { return words[k.Name] }

// words are what Values returns.
var words = map[string][]string{
	"engine":         {EngineDocker, EngineEmbedded},
	"on-exit":        {OnExitLeave, OnExitRemove},
	"log.level":      {"debug", "info", "warn", "error"},
	"log.format":     {FormatAuto, FormatConsole, FormatJSON},
	"request-id":     {"true", "false"},
	keyTLSRedirect:   {"true", "false"},
	keyTrafficListen: {off},
	keyTLSListen:     {off},
	keyACMEDomains:   {"auto"},
	keyAccessLog:     {off, AccessLogStdout, AccessLogStderr},
}

// instanceName is what a container label and a file name can hold and a person can read.
var instanceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// Keys returns all keys in the order in which they are documented. Settings of pools
// (pools.<name>.<label>) are not among them: containers knows those.
func Keys() []Key {
	return slices.Concat([]Key{
		{"admin.listen", ":8080", "127.0.0.1:8080", "address of the dashboard, /lb, /metrics, /health, /prometheus and /api", listen(
			func(c *Config) *string { return &c.AdminListen })},
		{keyUsersFile, "", "/etc/ballast/users", "file with the users who may act, as htpasswd -B makes it, read again when it changes; empty: nobody may, and everybody may look", func(c *Config, value string) error {
			c.UsersFile = value
			return nil
		}},
	}, trafficKeys(), acmeKeys(), requestKeys(), []Key{
		{"engine", EngineDocker, EngineEmbedded, "what runs the containers: docker or embedded", oneOf(
			func(c *Config) *string { return &c.Engine }, words["engine"]...)},
		{"docker.host", "", "tcp://127.0.0.1:2376", "address of the Docker Engine; empty is DOCKER_HOST, then the local socket", setDockerHost},
		{"instance", hostName(), "lb-1", "name of this Ballast, the owner label of its clones; default: the host name", setInstance},
		{"labels.prefix", string(containers.DefaultPrefix), "com.example.lb", "what stands before every label", setPrefix},
		{"scale.max-containers", strconv.Itoa(containers.DefaultMaxContainers), "20", "clones on this host, all pools together", setMaxContainers},
		{"scale.memory-headroom", "10", "20", "percent of the host's memory that must be available for clones to be made; with less, warm clones are given up; 0 is off", setMemoryHeadroom},
		{"on-exit", OnExitLeave, OnExitRemove, "clones at shutdown: leave (the next start adopts them) or remove", oneOf(
			func(c *Config) *string { return &c.OnExit }, words["on-exit"]...)},
		{"shutdown.timeout", "60s", "10s", "how long requests in flight may take to finish at shutdown", setShutdown},
		{keyHandover, "", "/run/ballast/handover.sock", "Unix socket by which a new Ballast takes over the listening sockets of the one that serves, in a directory that both see; empty: none", setHandover},
		{"log.level", "info", "debug", "debug, info, warn or error", setLevel},
		{"log.format", FormatAuto, FormatJSON, "auto (console on a terminal, json otherwise), console or json", oneOf(
			func(c *Config) *string { return &c.LogFormat }, words["log.format"]...)},
	})
}

func oneOf(field func(*Config) *string, allowed ...string) func(*Config, string) error {
	return func(c *Config, value string) error {
		if !slices.Contains(allowed, value) {
			return fmt.Errorf("must be %s", strings.Join(allowed, " or "))
		}
		*field(c) = value
		return nil
	}
}

// listen is an address to listen on.
func listen(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, value string) error {
		host, port, err := net.SplitHostPort(value)
		if err != nil {
			return errors.New(`must be an address and port such as ":8080" or "127.0.0.1:8080"`)
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n > 65535 {
			return errors.New("the port must be a number from 0 (any free one) to 65535")
		}
		if host != "" && net.ParseIP(strings.Split(host, "%")[0]) == nil && host != "localhost" {
			return errors.New("the host must be an IP address, localhost, or empty for all addresses")
		}
		*field(c) = value
		return nil
	}
}

func setDockerHost(c *Config, value string) error {
	scheme, _, ok := strings.Cut(value, "://")
	if value != "" && !(ok && slices.Contains([]string{"unix", "tcp", "npipe", "http", "https"}, scheme)) {
		return errors.New("must be a URL such as unix:///var/run/docker.sock or tcp://127.0.0.1:2376")
	}
	c.DockerHost = value
	return nil
}

func setInstance(c *Config, value string) error {
	if !instanceName.MatchString(value) {
		return errors.New("must be 1 to 63 letters, digits, dots, dashes or underscores, a letter or digit first")
	}
	c.Instance = value
	return nil
}

func setPrefix(c *Config, value string) error {
	prefix, err := containers.ParsePrefix(value)
	if err != nil {
		return errors.New("must be 1 to 63 lower-case letters, digits, dots or dashes, a letter or digit at both ends")
	}
	c.LabelsPrefix = prefix
	return nil
}

func setMaxContainers(c *Config, value string) error {
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 || n > 10000 {
		return errors.New("must be a number from 0 to 10000")
	}
	c.MaxContainers = n
	return nil
}

func setMemoryHeadroom(c *Config, value string) error {
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 || n > 90 {
		return errors.New("must be a percentage from 0 (off) to 90, without a sign")
	}
	c.MemoryHeadroom = n
	return nil
}

func setShutdown(c *Config, value string) error {
	d, err := time.ParseDuration(value)
	if err != nil || d < 0 || d > time.Hour {
		return errors.New("must be a duration from 0s to 1h such as 30s")
	}
	c.ShutdownTimeout = d
	return nil
}

func setHandover(c *Config, value string) error {
	const most = 90 // What unix(7) allows is 108, of which Ballast needs some for a name of its own.
	if value != "" && (!filepath.IsAbs(value) || len(value) > most) {
		return fmt.Errorf("must be an absolute path of at most %d bytes such as /run/ballast/handover.sock", most)
	}
	c.HandoverSocket = value
	return nil
}

func setLevel(c *Config, value string) error {
	if !slices.Contains(words["log.level"], value) {
		return errors.New("must be debug, info, warn or error")
	}
	level, err := zerolog.ParseLevel(value)
	c.LogLevel = level
	return err
}

// hostName is the default instance; a host name that can't be one is replaced.
func hostName() string {
	if name, err := os.Hostname(); err == nil && instanceName.MatchString(name) {
		return name
	}
	return "ballast"
}
