package config

import (
	"crypto/sha256"
	"net/netip"
	"time"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/containers"
)

// The engines, log formats and on-exit acts that can be chosen.
const (
	EngineDocker   = "docker"
	EngineEmbedded = "embedded"

	FormatAuto    = "auto"
	FormatConsole = "console"
	FormatJSON    = "json"

	OnExitLeave  = "leave"
	OnExitRemove = "remove"
)

// Where access logs can go besides files.
const (
	AccessLogStdout = "stdout"
	AccessLogStderr = "stderr"
)

// Config is the whole configuration, checked. It is never changed after Load.
type Config struct {
	// AdminListen is the address of the dashboard, /lb and the rest of the URL table.
	AdminListen string
	// UsersFile names those who may act; empty if nobody may.
	UsersFile string
	// TrafficListen is the address that routes by host and path; empty if off.
	TrafficListen string
	TLS           TLS
	ACME          ACME
	// TrustedProxies are whose word about clients is believed.
	TrustedProxies []netip.Prefix
	AccessLog      AccessLog
	// RequestID gives an ID to requests that have none.
	RequestID bool
	// Engine is EngineDocker or EngineEmbedded.
	Engine string
	// DockerHost overrides DOCKER_HOST if set.
	DockerHost string
	// Instance names this Ballast on the clones it makes.
	Instance string
	// LabelsPrefix stands before every label.
	LabelsPrefix containers.Prefix
	// MaxContainers bounds the clones of all pools together.
	MaxContainers int
	// MemoryHeadroom is how many percent of the host's memory must be available for clones to be made; 0 is off.
	MemoryHeadroom int
	// OnExit is OnExitLeave or OnExitRemove.
	OnExit string
	// ShutdownTimeout is how long requests in flight may take to finish after SIGTERM.
	ShutdownTimeout time.Duration
	// HandoverSocket is the path by which another Ballast takes over; empty if off.
	HandoverSocket string
	LogLevel       zerolog.Level
	// LogFormat is FormatAuto, FormatConsole or FormatJSON.
	LogFormat string
	// Pools are settings by pool and by label name without the prefix; they win over labels.
	Pools containers.PoolConfig
	// Warnings are what was read and has no effect.
	Warnings []string
	// File is the path of the configuration file; empty if there is none.
	File string
	// FileSum is SumOf(File) from right before it was read: with another one it has changed since.
	FileSum [sha256.Size]byte

	// texts are the values of Keys as they were written, by name, and sources where.
	texts, sources map[string]string
}

// TLS is the traffic listener for HTTPS.
type TLS struct {
	// Listen is its address; empty if off.
	Listen string
	// Certs are the certificates' files; none if they all come by ACME.
	Certs []CertFile
	// Redirect answers plain HTTP with a redirect to HTTPS, at RedirectPort if that is not 0, else at that of Listen.
	Redirect     bool
	RedirectPort int
}

// CertFile is a certificate, with those between it and its root, and its key, each a PEM file.
type CertFile struct{ Cert, Key string }

// ACME is how certificates are asked for; without Domains and Auto they are not.
type ACME struct {
	// Email is told to the CA if set.
	Email string
	// CA is the URL of its directory; empty is Let's Encrypt's.
	CA string
	// CAFile holds the roots, as PEM, that the CA's own certificate is checked with; empty are the system's.
	CAFile string
	// Storage is the directory where account and certificates are kept.
	Storage string
	// Domains are lower case, each once. Auto adds every exact host that a route names.
	Domains []string
	Auto    bool
}

// AccessLog says where requests are logged.
type AccessLog struct {
	// To is AccessLogStdout, AccessLogStderr or a file's path; empty if off.
	To string
	// Sample is the share of requests, 0 to 1, that are logged. A status of 500 or above always is.
	Sample float64
}
