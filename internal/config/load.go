package config

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"

	"github.com/ballast-lb/ballast/containers"
)

// Sources are where Load reads from. The zero value has defaults only.
type Sources struct {
	// Args are the command line's, without the program and the subcommand.
	Args []string
	// Environ is as from os.Environ.
	Environ []string
	// Defaults replace those of the keys, by key.
	Defaults map[string]string
	// Help is where --help is written; nil discards it.
	Help io.Writer
	// Usage is the first line of that help.
	Usage string
}

// poolsKey is the one key of the file that is not in Keys.
const poolsKey = "pools"

// value is one setting with where it stands, for error messages.
type value struct{ text, source string }

// Load reads and checks the whole configuration. Its error joins one line for each problem; it is
// flag.ErrHelp if help was asked for and has been written.
func Load(s Sources) (Config, error) {
	flags, path, err := parseFlags(s)
	if err != nil {
		return Config{}, err
	}
	environ := environment(s.Environ)
	if v, ok := environ[envPrefix+"CONFIG"]; ok && path == "" {
		path = v
	}

	var c Config
	values := map[string]value{}
	keys := Keys()
	for _, k := range keys {
		values[k.Name] = value{k.Default, "default"}
		if d, ok := s.Defaults[k.Name]; ok {
			values[k.Name] = value{d, "default"}
		}
	}
	errFile := readFile(&c, path, keys, values)
	readEnviron(&c, environ, keys, values)
	for name, text := range flags {
		values[name] = value{text, "--" + name}
	}

	errs := []error{errFile}
	for _, k := range keys {
		v := values[k.Name]
		if err := k.set(&c, v.text); err != nil {
			errs = append(errs, fmt.Errorf("%s: %q (%s) %w", k.Name, v.text, v.source, err))
		}
	}
	errs = append(errs, c.Pools.Validate())
	return c, errors.Join(errs...)
}

// parseFlags returns the flags that were given, by key, and the configuration file's path.
func parseFlags(s Sources) (given map[string]string, path string, err error) {
	set := flag.NewFlagSet("ballast", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.StringVar(&path, "config", "", "YAML `file` to read (BALLAST_CONFIG)")
	for _, k := range Keys() {
		set.String(k.Name, k.Default, fmt.Sprintf("%s (%s)", k.Meaning, k.Env()))
	}
	switch err := set.Parse(s.Args); {
	case errors.Is(err, flag.ErrHelp):
		if s.Help != nil {
			fmt.Fprintln(s.Help, s.Usage)
			set.SetOutput(s.Help)
			set.PrintDefaults()
		}
		return nil, "", flag.ErrHelp
	case err != nil:
		return nil, "", fmt.Errorf("%w: see ballast --help for the flags", err)
	case set.NArg() > 0:
		return nil, "", fmt.Errorf("unexpected argument %q: flags look like --admin.listen=:8080, see ballast --help", set.Arg(0))
	}
	given = map[string]string{}
	set.Visit(func(f *flag.Flag) {
		if f.Name != "config" {
			given[f.Name] = f.Value.String()
		}
	})
	return given, path, nil
}

// readFile adds the file's values; an empty path is no file.
func readFile(c *Config, path string, keys []Key, values map[string]value) error {
	if path == "" {
		return nil
	}
	k := koanf.New(".")
	if err := k.Load(file.Provider(path), yaml.Parser()); err != nil {
		return fmt.Errorf("config: %q can't be read: %w", path, err)
	}
	var errs []error
	c.Pools = containers.PoolConfig{}
	for name, v := range k.All() {
		if m, ok := v.(map[string]any); ok && len(m) == 0 {
			continue // "default: {}" sets nothing
		}
		text := scalar(v)
		if pool, setting, ok := poolSetting(name); ok {
			if c.Pools[pool] == nil {
				c.Pools[pool] = map[string]string{}
			}
			c.Pools[pool][setting] = text
			continue
		}
		if !slices.ContainsFunc(keys, func(k Key) bool { return k.Name == name }) {
			errs = append(errs, fmt.Errorf("%s: unknown key in %s: remove it, or see ballast --help for the keys", name, path))
			continue
		}
		values[name] = value{text, path}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

// poolSetting splits "pools.web.health.path" into "web" and "health.path".
func poolSetting(name string) (pool, setting string, ok bool) {
	rest, ok := strings.CutPrefix(name, poolsKey+".")
	if !ok {
		return "", "", false
	}
	return strings.Cut(rest, ".")
}

// scalar is a YAML value as a label would hold it; a list becomes comma-separated.
func scalar(v any) string {
	if list, ok := v.([]any); ok {
		parts := make([]string, len(list))
		for i, e := range list {
			parts[i] = fmt.Sprint(e)
		}
		return strings.Join(parts, ",")
	}
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// readEnviron adds the environment's values. An unknown variable is only warned about: compose
// files and service links put others with the same prefix there.
func readEnviron(c *Config, environ map[string]string, keys []Key, values map[string]value) {
	known := map[string]bool{envPrefix + "CONFIG": true}
	for _, k := range keys {
		known[k.Env()] = true
		if v, ok := environ[k.Env()]; ok {
			values[k.Name] = value{v, k.Env()}
		}
	}
	for name := range environ {
		if !known[name] {
			c.Warnings = append(c.Warnings, name+" in the environment is not a key of this version and has no effect")
		}
	}
	slices.Sort(c.Warnings)
}

// environment returns the variables with our prefix. An empty one counts as not set, as compose
// files pass it.
func environment(environ []string) map[string]string {
	vars := map[string]string{}
	for _, e := range environ {
		name, v, _ := strings.Cut(e, "=")
		if strings.HasPrefix(name, envPrefix) && v != "" {
			vars[name] = v
		}
	}
	return vars
}

// FromProcess are the sources of a running program.
func FromProcess(args []string, help io.Writer, usage string) Sources {
	return Sources{Args: args, Environ: os.Environ(), Help: help, Usage: usage}
}
