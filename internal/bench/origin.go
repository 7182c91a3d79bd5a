package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// dockerfile makes an image of this program, which is static, without any registry.
const dockerfile = "FROM scratch\nCOPY bench /\nEXPOSE 8080\nUSER 65532:65532\nENTRYPOINT [\"/bench\", \"" + originCommand + "\", \"8080\"]\n"

// origins are the backends: containers on Docker's default bridge, which this host can dial.
type origins struct {
	// prefix stands before their labels, so that no other Ballast takes them for its own.
	prefix string
	// addresses as host:port.
	addresses []string
}

// url is where backend i serves n bytes.
func (o origins) url(i, n int) string {
	return fmt.Sprintf("http://%s/bytes?n=%d", o.addresses[i], n)
}

// startOrigins builds an image and runs the backends. remove is never nil; it removes what was made,
// also after an error.
func startOrigins(ctx context.Context, s settings, work string) (o origins, remove func(context.Context) error, err error) {
	o.prefix = "bench-" + strings.ToLower(rand.Text()[:8])
	var made [][]string // the commands that undo what was done, in the order of doing
	remove = func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		var errs []error
		for _, undo := range slices.Backward(made) {
			_, err := docker(ctx, undo...)
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	}

	if err := buildImage(ctx, filepath.Join(work, "image"), o.prefix); err != nil {
		return o, remove, err
	}
	made = append(made, []string{"rmi", "--force", o.prefix})
	for i := range s.backends {
		name := fmt.Sprintf("%s-%d", o.prefix, i+1)
		made = append(made, []string{"rm", "--force", "--volumes", name})
		_, err := docker(ctx, "run", "--detach", "--name", name, "--cpuset-cpus", otherCores(),
			"--label", o.prefix+".enable=true", "--label", o.prefix+".health.path=/health", o.prefix)
		if err != nil {
			return o, remove, err
		}
		address, err := docker(ctx, "inspect", "--format", "{{.NetworkSettings.IPAddress}}", name)
		if err != nil {
			return o, remove, err
		}
		if address == "" {
			return o, remove, fmt.Errorf("container %s has no address on the default bridge", name)
		}
		o.addresses = append(o.addresses, address+":8080")
	}
	for i := range o.addresses {
		if err := waitFor(ctx, o.url(i, 0)); err != nil {
			return o, remove, err
		}
	}
	return o, remove, nil
}

// buildImage makes an image in a directory of its own: what is in it travels to the engine.
func buildImage(ctx context.Context, dir, tag string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return fmt.Errorf("make the image's directory: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	binary, err := os.ReadFile(self)
	if err != nil {
		return fmt.Errorf("read this program: %w", err)
	}
	err = errors.Join(
		os.WriteFile(filepath.Join(dir, "bench"), binary, 0o755),
		os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(dockerfile), 0o644),
	)
	if err != nil {
		return fmt.Errorf("write the image's files: %w", err)
	}
	_, err = docker(ctx, "build", "--quiet", "--tag", tag, dir)
	return err
}

// docker runs Docker's command line and returns what it printed.
func docker(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "docker", args...).Output()
	if err != nil {
		why := ""
		if failed, ok := errors.AsType[*exec.ExitError](err); ok {
			why = ": " + strings.TrimSpace(string(failed.Stderr))
		}
		return "", fmt.Errorf("docker %s: %w%s", args[0], err, why)
	}
	return strings.TrimSpace(string(out)), nil
}
