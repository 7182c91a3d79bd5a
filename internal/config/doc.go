// Package config reads Ballast's configuration: defaults < YAML file < environment < flags.
//
// The key admin.listen is BALLAST_ADMIN_LISTEN in the environment and --admin.listen as a flag.
// All problems are reported at once, each with its key, its value, where it stands and the remedy.
package config
