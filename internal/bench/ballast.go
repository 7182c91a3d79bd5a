package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/ballast-lb/ballast/internal/child"
)

// poolSettings are settings by pool and by label without its prefix, as in the configuration file.
type poolSettings map[string]map[string]string

// ballastPlan is how a Ballast differs from one as it comes.
type ballastPlan struct {
	// routed has the requests come by the traffic listener, not by /lb.
	routed bool
	// flags may have the word DIR, a directory for files.
	flags []string
	pools poolSettings
	// path is what is asked for before the backends' own path.
	path string
	// headers are sent with each request.
	headers []string
}

// newBallast is a Ballast as it comes: by /lb, or where the scenario is HTTPS by its traffic listener.
func newBallast(_ context.Context, s site) (*balancer, error) {
	return plannedBallast(s, ballastPlan{})
}

// planned is a kind's prepare.
func planned(p ballastPlan) func(context.Context, site) (*balancer, error) {
	return func(_ context.Context, s site) (*balancer, error) { return plannedBallast(s, p) }
}

func plannedBallast(s site, p ballastPlan) (*balancer, error) {
	path, err := filepath.Abs(filepath.Join(s.settings.binaries, "ballast"))
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("find ballast (make build makes it): %w", err)
	}
	admin, err := child.FreeAddress()
	if err != nil {
		return nil, err
	}
	listen, err := child.FreeAddress()
	if err != nil {
		return nil, err
	}
	b := &balancer{base: "http://" + listen + p.path, ready: "http://" + admin + "/health/ready", headers: p.headers}
	args := []string{
		"serve", "--admin.listen", admin, "--engine", "docker", "--labels.prefix", s.origins.prefix,
		"--instance", s.origins.prefix, "--on-exit", "remove", "--log.level", "error",
	}
	switch {
	case s.certificate != "":
		b.base = "https://" + listen + p.path
		args = append(args, "--traffic.listen", "off", "--traffic.tls.listen", listen,
			"--traffic.tls.cert", s.certificate, "--traffic.tls.key", s.certificate)
	case p.routed:
		args = append(args, "--traffic.listen", listen)
	default:
		b.base = "http://" + admin + "/lb" + p.path
		args = append(args, "--traffic.listen", "off")
	}
	dir, err := s.configure(p.pools)
	if err != nil {
		return nil, err
	}
	args = append(args, "--config", filepath.Join(dir, "ballast.yaml"))
	for _, f := range p.flags {
		args = append(args, strings.ReplaceAll(f, "DIR", dir))
	}
	b.command(path, args...)
	return b, nil
}

// configure writes a configuration file, ballast.yaml, in a directory of its own. What is JSON is YAML.
func (s site) configure(pools poolSettings) (dir string, err error) {
	if dir, err = os.MkdirTemp(s.work, "ballast-"); err != nil {
		return "", fmt.Errorf("make a balancer's directory: %w", err)
	}
	config := map[string]poolSettings{}
	if len(pools) > 0 {
		config["pools"] = pools
	}
	text, err := json.Marshal(config)
	if err != nil {
		return "", fmt.Errorf("write a balancer's configuration: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "ballast.yaml"), text, 0o600); err != nil {
		return "", fmt.Errorf("write a balancer's configuration: %w", err)
	}
	return dir, nil
}
