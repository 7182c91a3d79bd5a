package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/ballast-lb/ballast/internal/child"
)

// image is that of the mock backend, prefix stands before labels.
const image, prefix = "mock-backend", "chaos"

const dockerfile = "FROM scratch\nCOPY mock-backend /\nEXPOSE 8080\nUSER 65532:65532\nENTRYPOINT [\"/mock-backend\"]\n"

// subnet is that of the engine's own bridge. Nothing else on the machine may use it.
const bridge, gateway, subnet = "br-chaos", "172.31.99.1/24", "172.31.99.0/24"

// stage is an engine of its own, and a Ballast.
type stage struct {
	dir, binaries  string
	host           string // Of the engine, as DOCKER_HOST.
	engine         *process
	ballast        *process
	admin, traffic string
	bridged        bool
}

// raise starts the engine and Ballast. The caller must strike the stage, also after an error.
func raise(ctx context.Context, s settings) (*stage, error) {
	st := &stage{binaries: s.binaries}
	var err error
	if st.dir, err = os.MkdirTemp("", "chaos"); err != nil {
		return st, err
	}
	st.host = "unix://" + filepath.Join(st.dir, "docker.sock")
	for _, args := range [][]string{{"link", "add", bridge, "type", "bridge"}, {"address", "add", gateway, "dev", bridge}, {"link", "set", bridge, "up"}} {
		if err := command(ctx, "ip", args...); err != nil {
			return st, fmt.Errorf("make the engine's bridge: %w", err)
		}
		st.bridged = true
	}
	if err := st.startEngine(ctx); err != nil {
		return st, err
	}
	if err := st.build(ctx); err != nil {
		return st, err
	}
	for _, address := range []*string{&st.admin, &st.traffic} {
		if *address, err = child.FreeAddress(); err != nil {
			return st, err
		}
	}
	st.ballast, err = st.startBallast(ctx)
	return st, err
}

// strike ends all that there is of the stage.
func (st *stage) strike() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var err error
	if st.ballast != nil {
		err = st.ballast.end(ctx)
	}
	if st.engine != nil {
		ids, listed := st.docker(ctx, "ps", "--all", "--quiet")
		if err = errors.Join(err, listed); ids != "" {
			_, removed := st.docker(ctx, append([]string{"rm", "--force", "--volumes"}, strings.Fields(ids)...)...)
			err = errors.Join(err, removed)
		}
		err = errors.Join(err, st.engine.end(ctx))
	}
	if st.bridged {
		err = errors.Join(err, command(ctx, "ip", "link", "delete", bridge))
	}
	if data := filepath.Join(st.dir, "data"); st.engine != nil { // Which live-restore leaves mounted.
		_ = command(ctx, "umount", data)
	}
	if st.dir != "" {
		// What Ballast had to say of the last run stays.
		if log, failed := os.ReadFile(filepath.Join(st.dir, "ballast.log")); failed == nil {
			err = errors.Join(err, os.WriteFile(filepath.Join(st.binaries, "ballast.log"), log, 0o600))
		}
		err = errors.Join(err, os.RemoveAll(st.dir))
	}
	return err
}

func (st *stage) startEngine(ctx context.Context) error {
	in := func(name string) string { return filepath.Join(st.dir, name) }
	if err := os.WriteFile(in("daemon.json"), []byte("{}"), 0o600); err != nil { // The machine's own says otherwise.
		return err
	}
	p, err := begin(in("engine.log"), "dockerd", "--config-file", in("daemon.json"), "--data-root", in("data"), "--exec-root", in("exec"), "--pidfile", in("pid"),
		"--host", st.host, "--bridge", bridge, "--fixed-cidr", subnet, "--live-restore")
	if err != nil {
		return fmt.Errorf("start an engine: %w", err)
	}
	st.engine = p
	if err := child.Until(ctx, "the engine", func(ctx context.Context) error {
		_, err := st.docker(ctx, "version")
		return err
	}); err != nil {
		return fmt.Errorf("%w\n%s", err, p.tail())
	}
	return nil
}

func (st *stage) build(ctx context.Context) error {
	dir, err := os.MkdirTemp(st.dir, "image")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(dockerfile), 0o600); err != nil {
		return err
	}
	if err := command(ctx, "cp", filepath.Join(st.binaries, "mock-backend"), dir); err != nil {
		return err
	}
	_, err = st.docker(ctx, "build", "--quiet", "--tag", image, dir)
	return err
}

// startBallast starts a Ballast, which takes over from the one that serves if there is one, and returns when it answers.
func (st *stage) startBallast(ctx context.Context) (*process, error) {
	p, err := begin(filepath.Join(st.dir, "ballast.log"), filepath.Join(st.binaries, "ballast"), "serve", "--docker.host", st.host,
		"--admin.listen", st.admin, "--traffic.listen", st.traffic, "--labels.prefix", prefix, "--instance", "chaos",
		"--handover.socket", filepath.Join(st.dir, "handover"), "--log.format", "json")
	if err != nil {
		return nil, fmt.Errorf("start ballast: %w", err)
	}
	if err := child.WaitFor(ctx, "http://"+st.admin+"/health/ready"); err != nil {
		return p, fmt.Errorf("%w\n%s", err, p.tail())
	}
	return p, nil
}

// docker runs the command line against the stage's engine, and returns what it printed.
func (st *stage) docker(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "docker", append([]string{"--host", st.host}, args...)...)
	out, err := cmd.CombinedOutput()
	text := strings.TrimSpace(string(out))
	if err != nil {
		return "", fmt.Errorf("docker %s: %w: %s", strings.Join(args, " "), err, text)
	}
	return text, nil
}

// ready is how many replicas of a pool serve.
func (st *stage) ready(ctx context.Context, pool string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+st.admin+"/api/v1/pools/"+pool, http.NoBody)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("pool %s: %s", pool, response.Status)
	}
	var document struct{ Replicas struct{ Ready int } }
	return document.Replicas.Ready, json.NewDecoder(response.Body).Decode(&document)
}

func command(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}

// process is a program that writes what it has to say to a file, and never outlives this one.
type process struct {
	cmd    *exec.Cmd
	log    string
	exited chan struct{}
}

// begin appends to the file.
func begin(log, name string, args ...string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p := &process{cmd: exec.CommandContext(context.Background(), name, args...), log: log, exited: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.SysProcAttr = out, out, child.Attributes()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.exited)
		_ = p.cmd.Wait() // Its state is looked at.
	}()
	return p, nil
}

func (p *process) signal(s syscall.Signal) error { return p.cmd.Process.Signal(s) }

// await returns when the program has ended in good order.
func (p *process) await(ctx context.Context) error {
	select {
	case <-p.exited:
	case <-ctx.Done():
		return fmt.Errorf("%s does not end: %w\n%s", filepath.Base(p.cmd.Path), ctx.Err(), p.tail())
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("%s ended with %s\n%s", filepath.Base(p.cmd.Path), p.cmd.ProcessState, p.tail())
	}
	return nil
}

// end asks the program to end, and awaits that.
func (p *process) end(ctx context.Context) error {
	if err := p.signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return p.await(ctx)
}

// kill ends it without asking.
func (p *process) kill() error {
	err := p.signal(syscall.SIGKILL)
	<-p.exited
	return err
}

// tail is the end of what it has said.
func (p *process) tail() string {
	const most = 4000
	all, _ := os.ReadFile(p.log)
	return string(all[max(0, len(all)-most):])
}
