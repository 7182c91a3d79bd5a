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

	"github.com/ballast-lb/ballast/internal/child"
)

// originPort is where the backends serve.
const originPort = "8080"

// dockerfile makes an image of this program, which is static, without any registry.
const dockerfile = "FROM scratch\nCOPY bench /\nEXPOSE " + originPort + "\nUSER 65532:65532\nENTRYPOINT [\"/bench\", \"" + originCommand + "\", \"" + originPort + "\"]\n"

// origins are the backends: containers on Docker's default bridge, which this host can dial.
type origins struct {
	// prefix stands before their labels, so that no other Ballast takes them for its own.
	prefix string
	// image is what they are made from.
	image string
	// addresses as host:port.
	addresses []string
}

// url is where backend i serves n bytes.
func (o origins) url(i, n int) string {
	return fmt.Sprintf("http://%s/bytes?n=%d", o.addresses[i], n)
}

// undo are the commands that remove what was made, in the order of making.
type undo [][]string

func (u *undo) add(command ...string) { *u = append(*u, command) }

// run removes all of it, the last first. What can't be removed does not keep the rest.
func (u *undo) run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var errs []error
	for _, command := range slices.Backward(*u) {
		_, err := docker(ctx, command...)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// startOrigins builds an image and runs the backends. What was made is in u, also after an error.
func startOrigins(ctx context.Context, s settings, work string, u *undo) (o origins, err error) {
	o = origins{prefix: "bench-" + strings.ToLower(rand.Text()[:8])}
	o.image = o.prefix
	u.add("rmi", "--force", o.image)
	if err := buildImage(ctx, filepath.Join(work, "image"), o.image); err != nil {
		return o, err
	}
	for range s.backends {
		if err := o.add(ctx, u); err != nil {
			return o, err
		}
	}
	return o, nil
}

// add runs one more backend, and returns when it serves. The arguments are originMain's, after the port.
func (o *origins) add(ctx context.Context, u *undo, arguments ...string) error {
	name := fmt.Sprintf("%s-%d", o.prefix, len(o.addresses)+1)
	u.add("rm", "--force", "--volumes", name)
	_, err := dockerMake(ctx, append([]string{
		"run", "--detach", "--name", name, "--cpuset-cpus", child.OtherCores(),
		"--label", o.prefix + ".enable=true", "--label", o.prefix + ".health.path=/health", o.image,
	}, arguments...)...)
	if err != nil {
		return err
	}
	address, err := docker(ctx, "inspect", "--format", "{{.NetworkSettings.IPAddress}}", name)
	if err != nil {
		return err
	}
	if address == "" {
		return fmt.Errorf("container %s has no address on the default bridge", name)
	}
	o.addresses = append(o.addresses, address+":"+originPort)
	return child.WaitFor(ctx, "http://"+address+":"+originPort+"/health")
}

// addPool makes a pool without backends: its only container is never started.
func (o *origins) addPool(ctx context.Context, u *undo, pool string) error {
	name := o.prefix + "-" + pool
	u.add("rm", "--force", "--volumes", name)
	_, err := dockerMake(ctx, "create", "--name", name,
		"--label", o.prefix+".enable=true", "--label", o.prefix+".pool="+pool, o.image)
	return err
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
	_, err = dockerMake(ctx, "build", "--quiet", "--tag", tag, dir)
	return err
}

// dockerMake is docker for what makes something. It goes on where ctx ends, for a minute at most: what the engine
// was still making could not be removed.
func dockerMake(ctx context.Context, args ...string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	whole, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	out, err := docker(whole, args...)
	return out, errors.Join(err, ctx.Err())
}

// docker runs Docker's command line and returns what it printed.
func docker(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.SysProcAttr = child.Attributes()
	out, err := cmd.Output()
	if err != nil {
		why := ""
		if failed, ok := errors.AsType[*exec.ExitError](err); ok {
			why = ": " + strings.TrimSpace(string(failed.Stderr))
		}
		return "", fmt.Errorf("docker %s: %w%s", args[0], err, why)
	}
	return strings.TrimSpace(string(out)), nil
}
