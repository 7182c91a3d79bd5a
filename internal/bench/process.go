package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// balancerCore is where the balancers run, one at a time under load.
const balancerCore = "0"

// otherCores are where everything else runs, as taskset and Docker write it.
func otherCores() string {
	if n := runtime.NumCPU(); n > 2 {
		return "1-" + strconv.Itoa(n-1)
	}
	return "1"
}

// balancer is a process that forwards to the backends.
type balancer struct {
	name, version string
	// base is the address before the backends' paths.
	base string
	// ready answers 200 when it may be measured.
	ready  string
	cmd    *exec.Cmd
	output bytes.Buffer
	// cancel asks it to end; exited is closed when it did.
	cancel context.CancelFunc
	exited chan struct{}
	// admin is HAProxy's socket for questions, empty for others.
	admin string
}

// url is where the backends' n bytes come through the balancer.
func (b *balancer) url(n int) string { return fmt.Sprintf("%s/bytes?n=%d", b.base, n) }

// command prepares a process pinned to the balancers' core.
func (b *balancer) command(path string, args ...string) {
	ctx, cancel := context.WithCancel(context.Background())
	b.cancel, b.exited = cancel, make(chan struct{})
	b.cmd = exec.CommandContext(ctx, "taskset", append([]string{"--cpu-list", balancerCore, path}, args...)...)
	b.cmd.Stdout, b.cmd.Stderr = &b.output, &b.output
	b.cmd.Cancel = func() error { return b.cmd.Process.Signal(syscall.SIGTERM) }
	b.cmd.WaitDelay = 10 * time.Second
	b.cmd.SysProcAttr = childAttributes()
}

// start runs it until stop, and returns when it serves.
func (b *balancer) start(ctx context.Context) error {
	if err := b.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", b.name, err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		defer close(b.exited)
		err := b.cmd.Wait()
		cancel(fmt.Errorf("it ended: %w", errors.Join(err, errors.New(b.output.String()))))
	}()
	for _, url := range []string{b.ready, b.url(0)} {
		if err := waitFor(ctx, url); err != nil {
			b.stop()
			return fmt.Errorf("start %s: %w\n%s", b.name, errors.Join(err, context.Cause(ctx)), b.output.String())
		}
	}
	return nil
}

// stop ends the process and waits for it.
func (b *balancer) stop() {
	b.cancel()
	<-b.exited
}

// pid is the balancer's own: taskset becomes what it runs.
func (b *balancer) pid() int { return b.cmd.Process.Pid }

// freeAddress returns a loopback address that nobody listens on now.
func freeAddress() (string, error) {
	var config net.ListenConfig
	l, err := config.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}

// waitFor asks url until it answers 200, for half a minute at most.
func waitFor(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		last := ask(ctx, url)
		if last == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", url, errors.Join(ctx.Err(), last))
		}
	}
}

func ask(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	request.Close = true // nothing of this client stays when the load begins
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		err = fmt.Errorf("it answered %s", response.Status)
	}
	return errors.Join(err, response.Body.Close())
}
