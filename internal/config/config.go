package config

import (
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

// Config is the whole configuration, checked. It is never changed after Load.
type Config struct {
	// AdminListen is the address of the dashboard, /lb and the rest of the URL table.
	AdminListen string
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
	// OnExit is OnExitLeave or OnExitRemove.
	OnExit string
	// ShutdownTimeout is how long requests in flight may take to finish after SIGTERM.
	ShutdownTimeout time.Duration
	LogLevel        zerolog.Level
	// LogFormat is FormatAuto, FormatConsole or FormatJSON.
	LogFormat string
	// Pools are settings by pool and by label name without the prefix; they win over labels.
	Pools containers.PoolConfig
	// Warnings are what was read and has no effect.
	Warnings []string
}
