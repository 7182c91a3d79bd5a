package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/ballast-lb/ballast/internal/child"
)

// dockerfile makes an image of the mock backend, which is static, without any registry.
const dockerfile = "FROM scratch\nCOPY mock-backend /\nEXPOSE 8080\nUSER 65532:65532\nENTRYPOINT [\"/mock-backend\"]\n"

// stage is a Ballast with one labelled container.
type stage struct {
	name    string // Of the image, the container and the label prefix.
	ballast *child.Process
	base    string // Where the pool is served.
	// metrics and decisions are documents about it.
	metrics, decisions string
}

// raise starts both. The caller must strike it, also after an error.
func raise(ctx context.Context, s settings) (*stage, error) {
	st := &stage{name: "replay-" + strings.ToLower(rand.Text()[:8])}
	if err := st.build(ctx, s.binaries); err != nil {
		return st, err
	}
	label := func(key, value string) string { return "--label=" + st.name + "." + key + "=" + value }
	if _, err := docker(ctx, "run", "--detach", "--name", st.name,
		"--env", "MOCK_SLOTS="+strconv.Itoa(s.sim.Slots), "--env", "MOCK_BOOT_DELAY="+s.sim.Boot.String(),
		label("enable", "true"), label("concurrency", strconv.Itoa(s.sim.Slots)),
		label("scale.max", strconv.Itoa(s.sim.Max)), label("scale.warm", strconv.Itoa(s.sim.Warm)),
		label("scale.hold-down", s.sim.HoldDown.String()), label("queue.size", "100000"),
		label("queue.timeout", s.sim.QueueTimeout.String()), label("health.path", "/health"), st.name); err != nil {
		return st, fmt.Errorf("run the first backend: %w", err)
	}
	admin, err := child.FreeAddress()
	if err != nil {
		return st, err
	}
	st.base, st.metrics, st.decisions = "http://"+admin+"/lb", "http://"+admin+"/metrics", "http://"+admin+"/api/v1/decisions"
	st.ballast = child.New(child.FirstCore, filepath.Join(s.binaries, "ballast"), "serve", "--admin.listen", admin,
		"--traffic.listen", "off", "--labels.prefix", st.name, "--instance", st.name, "--on-exit", "remove", "--log.level", "error")
	if err := st.ballast.Start(ctx, st.base+"/health"); err != nil {
		st.ballast = nil
		return st, fmt.Errorf("start ballast: %w", err)
	}
	return st, nil
}

func (st *stage) build(ctx context.Context, binaries string) error {
	dir, err := os.MkdirTemp("", st.name)
	if err != nil {
		return fmt.Errorf("make a directory for the image: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary, err := os.ReadFile(filepath.Join(binaries, "mock-backend"))
	if err != nil {
		return fmt.Errorf("find mock-backend (make build makes it): %w", err)
	}
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "mock-backend"), binary, 0o755), //nolint:gosec // A program.
		os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(dockerfile), 0o600)); err != nil {
		return fmt.Errorf("write the image: %w", err)
	}
	_, err = docker(ctx, "build", "--quiet", "--tag", st.name, dir)
	return err
}

// strike removes all that was made. The Ballast removes its clones.
func (st *stage) strike() error {
	if st.ballast != nil {
		st.ballast.Stop()
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := docker(ctx, "rm", "--force", "--volumes", st.name)
	_, err2 := docker(ctx, "rmi", "--force", st.name)
	return errors.Join(err, err2)
}

// docker runs Docker's command line and returns what it printed.
func docker(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.SysProcAttr = child.Attributes()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("docker %s: %w: %s", args[0], err, out)
	}
	return strings.TrimSpace(string(out)), nil
}
