package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/internal/config"
)

// checked is what --json prints.
type checked struct {
	Valid bool `json:"valid"`
	// File is the path of the configuration file; empty if there is none.
	File string `json:"file"`
	// Listeners are addresses; empty if off.
	Listeners struct {
		Admin   string `json:"admin"`
		Traffic string `json:"traffic"`
		HTTPS   string `json:"https"`
	} `json:"listeners"`
	Engine struct {
		Kind string `json:"kind"`
		// Host is empty for the local socket, and for an engine that has none.
		Host string `json:"host"`
	} `json:"engine"`
	Instance string `json:"instance"`
	// Pools are the settings of the file.
	Pools    containers.PoolConfig `json:"pools"`
	Warnings []string              `json:"warnings"`
	Problems []config.Problem      `json:"problems"`
}

func check(_ context.Context, args []string, out io.Writer) error {
	var asJSON bool
	args = slices.DeleteFunc(slices.Clone(args), func(arg string) bool {
		name, value, _ := strings.Cut(arg, "=")
		is := name == "-json" || name == "--json"
		if is {
			asJSON = value != "false"
		}
		return is
	})
	c, err := config.Load(config.FromProcess(args, "ballast check"))
	if errors.Is(err, flag.ErrHelp) || errors.As(err, new(usageError)) {
		return err
	}
	if asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return errors.Join(e.Encode(newChecked(c, err)), err)
	}
	if err != nil {
		return err
	}
	for _, w := range c.Warnings {
		fmt.Fprintln(out, "warning: "+w)
	}
	_, err = io.WriteString(out, "the configuration is valid\n"+inForce(c))
	return err
}

func newChecked(c config.Config, err error) checked {
	d := checked{Valid: err == nil, File: c.File, Instance: c.Instance, Pools: c.Pools, Warnings: c.Warnings, Problems: c.Problems(err)}
	d.Listeners.Admin, d.Listeners.Traffic, d.Listeners.HTTPS = c.AdminListen, c.TrafficListen, c.TLS.Listen
	d.Engine.Kind, d.Engine.Host = c.Engine, engineHost(c)
	if d.Pools == nil {
		d.Pools = containers.PoolConfig{}
	}
	if d.Warnings == nil {
		d.Warnings = []string{}
	}
	if d.Problems == nil {
		d.Problems = []config.Problem{}
	}
	return d
}

// engineHost is where the engine is asked, as engine/docker finds it; empty for the local socket.
func engineHost(c config.Config) string {
	switch {
	case c.Engine != config.EngineDocker:
		return ""
	case c.DockerHost != "":
		return c.DockerHost
	}
	return os.Getenv("DOCKER_HOST")
}

// inForce is a line for each of what most people want to see of a configuration.
func inForce(c config.Config) string {
	var b strings.Builder
	add := func(name, text string) { fmt.Fprintf(&b, "  %-10s%s\n", name, printable(text)) }
	orOff := func(address string) string {
		if address == "" {
			return "off"
		}
		return address
	}
	if c.File == "" {
		add("file", "none")
	} else {
		add("file", c.File)
	}
	if c.UsersFile == "" {
		add("admin", c.AdminListen+", nobody may act")
	} else {
		add("admin", c.AdminListen+", those in "+c.UsersFile+" may act")
	}
	add("traffic", orOff(c.TrafficListen))
	add("https", orOff(c.TLS.Listen)+certificates(c))
	switch host := engineHost(c); {
	case c.Engine != config.EngineDocker:
		add("engine", c.Engine)
	case host == "":
		add("engine", c.Engine+", at the local socket")
	default:
		add("engine", c.Engine+", at "+host)
	}
	add("instance", c.Instance)
	if len(c.Pools) == 0 {
		add("pools", "none in the file: labels set them")
	}
	for i, name := range slices.Sorted(maps.Keys(c.Pools)) {
		title := ""
		if i == 0 {
			title = "pools"
		}
		add(title, name+": "+strings.Join(slices.Sorted(maps.Keys(c.Pools[name])), ", "))
	}
	return b.String()
}

// certificates is what HTTPS is served with.
func certificates(c config.Config) string {
	text := ""
	if n := len(c.TLS.Certs); n > 0 {
		text = fmt.Sprintf(", certificates from files: %d", n)
	}
	hosts := c.ACME.Domains
	if c.ACME.Auto {
		hosts = append(slices.Clip(hosts), "every host of a route")
	}
	if len(hosts) > 0 {
		text += ", by ACME for " + strings.Join(hosts, ", ")
	}
	return text
}
