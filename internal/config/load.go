package config

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
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
	// Fixed are values that a subcommand stands for, by key: neither file nor environment changes them,
	// and a flag that would is an error.
	Fixed map[string]string
	// Command is whose help tells of the flags, for error messages; empty is "ballast serve".
	Command string
	// WithoutFiles does not look at the files that keys name, certificates and such: for who only asks
	// for an address, maybe while they are being replaced.
	WithoutFiles bool
}

// poolsKey is the one key of the file that is not in Keys.
const poolsKey = "pools"

// value is one setting with where it stands, for error messages.
type value struct{ text, source string }

// UsageError says that the command line is wrong in itself, as opposed to a value in it.
type UsageError struct{ Err error }

func (e UsageError) Error() string { return e.Err.Error() }

// Unwrap returns what is wrong.
func (e UsageError) Unwrap() error { return e.Err }

// Load reads and checks the whole configuration. Its error joins one line for each problem. It is flag.ErrHelp if help was
// asked for, which is the caller's to write, and a UsageError if the flags can't be read.
func Load(s Sources) (Config, error) {
	flags, path, err := parseFlags(s)
	if err != nil {
		return Config{}, err
	}
	environ := environment(s.Environ)
	if v, ok := environ[envPrefix+"CONFIG"]; ok && path == "" {
		path = v
	}

	c := Config{File: path, texts: make(map[string]string), sources: make(map[string]string)}
	values := map[string]value{}
	keys := Keys()
	for _, k := range keys {
		values[k.Name] = value{k.Default, "default"}
	}
	errFile := readFile(&c, path, keys, values)
	readEnviron(&c, environ, keys, values)
	for name, text := range flags {
		values[name] = value{text, "--" + name}
	}

	errs := []error{errFile}
	for name, text := range s.Fixed {
		if given, ok := flags[name]; ok && given != text {
			errs = append(errs, &keyError{name, given, "--" + name, fmt.Errorf("is always %s here: leave the flag out", text)})
		}
		values[name] = value{text, "fixed"}
	}
	bad := make(map[string]bool)
	for _, k := range keys {
		v := values[k.Name]
		c.texts[k.Name], c.sources[k.Name] = v.text, v.source
		if err := k.set(&c, v.text); err != nil {
			bad[k.Name] = true
			errs = append(errs, &keyError{k.Name, v.text, v.source, err})
		}
	}
	errs = append(errs, c.Pools.Validate(), combine(&c, given(keys, values), bad))
	if !s.WithoutFiles {
		errs = append(errs, checkFiles(&c))
	}
	return c, errors.Join(errs...)
}

// parseFlags returns the flags that were given, by key, and the configuration file's path.
func parseFlags(s Sources) (given map[string]string, path string, err error) {
	set := flag.NewFlagSet("ballast", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.StringVar(&path, "config", "", "")
	for _, k := range Keys() {
		set.String(k.Name, k.Default, "")
	}
	hint := cmp.Or(s.Command, "ballast serve") + " --help"
	switch err := set.Parse(s.Args); {
	case errors.Is(err, flag.ErrHelp):
		return nil, "", flag.ErrHelp
	case err != nil:
		return nil, "", UsageError{fmt.Errorf("%w: see %s for the flags", err, hint)}
	case set.NArg() > 0:
		return nil, "", UsageError{fmt.Errorf("unexpected argument %q: flags look like --admin.listen=:8080, see %s", set.Arg(0), hint)}
	}
	given = map[string]string{}
	set.Visit(func(f *flag.Flag) {
		if f.Name != "config" {
			given[f.Name] = f.Value.String()
		}
	})
	return given, path, nil
}

// SumOf is the sum of a file's content; zero if it can't be read.
func SumOf(path string) [sha256.Size]byte {
	text, err := os.ReadFile(path)
	if err != nil {
		return [sha256.Size]byte{}
	}
	return sha256.Sum256(text)
}

// readFile adds the file's values; an empty path is no file.
func readFile(c *Config, path string, keys []Key, values map[string]value) error {
	if path == "" {
		return nil
	}
	c.FileSum = SumOf(path)
	k := koanf.New(".")
	if err := k.Load(file.Provider(path), yaml.Parser()); err != nil {
		// What is wrong with YAML is told on several lines.
		return wrong("config", "%q can't be read: %s", path, strings.Join(strings.Fields(err.Error()), " "))
	}
	all := map[string]any{}
	errs := []error{flatten("", k.Raw(), all)}
	c.Pools = containers.PoolConfig{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		text := scalar(all[name])
		if pool, setting, ok := poolSetting(name); ok {
			if c.Pools[pool] == nil {
				c.Pools[pool] = map[string]string{}
			}
			c.Pools[pool][setting] = text
			continue
		}
		if name == poolsKey || strings.HasPrefix(name, poolsKey+".") {
			if all[name] != nil { // "pools:" with all that it held commented out sets nothing
				errs = append(errs, wrong(name, "must hold settings, such as pools: {web: {policy: random}}"))
			}
			continue
		}
		if !slices.ContainsFunc(keys, func(k Key) bool { return k.Name == name }) {
			c.texts[name], c.sources[name] = text, path
			errs = append(errs, wrong(name, "unknown key in %s: remove it, or see ballast serve --help for the keys", path))
			continue
		}
		values[name] = value{text, path}
	}
	return errors.Join(errs...)
}

// flatten adds m's values to out by their whole key. A key may be written as "a.b: 1" or as
// "a: {b: 1}"; in one file both would be a toss-up.
func flatten(section string, m, out map[string]any) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(m)) {
		key := section + name
		if sub, ok := m[name].(map[string]any); ok {
			errs = append(errs, flatten(key+".", sub, out))
			continue
		}
		if _, twice := out[key]; twice {
			errs = append(errs, wrong(key, "stands twice in the configuration file: remove one"))
		}
		out[key] = m[name]
	}
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
	for _, name := range []string{"USER", "PASSWORD", "PASSWORD_FILE"} { // What ballast scale acts with.
		known[envPrefix+name] = true
	}
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

// FromProcess are the sources of a running program; command is as in Sources.
func FromProcess(args []string, command string) Sources {
	return Sources{Args: args, Environ: os.Environ(), Command: command}
}
