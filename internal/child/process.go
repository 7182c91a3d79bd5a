package child

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// FirstCore is for what is measured, as taskset and Docker write it.
const FirstCore = "0"

// OtherCores are for everything else, written likewise. There must be two cores.
func OtherCores() string {
	if n := runtime.NumCPU(); n > 2 {
		return "1-" + strconv.Itoa(n-1)
	}
	return "1"
}

// Process is a program that runs from Start to Stop, and never outlives this one.
type Process struct {
	cmd    *exec.Cmd
	output bytes.Buffer
	// cancel asks it to end; exited is closed when it did.
	cancel context.CancelFunc
	exited chan struct{}
}

// New prepares a program that is to run on some cores.
func New(cores, path string, args ...string) *Process {
	ctx, cancel := context.WithCancel(context.Background())
	p := &Process{cancel: cancel, exited: make(chan struct{})}
	p.cmd = exec.CommandContext(ctx, "taskset", append([]string{"--cpu-list", cores, path}, args...)...)
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = 10 * time.Second
	p.cmd.SysProcAttr = Attributes()
	return p
}

// Start runs it until Stop, and returns when all the URLs answer 200. After an error it has ended.
func (p *Process) Start(ctx context.Context, ready ...string) error {
	return p.StartUntil(ctx, func(ctx context.Context) error {
		for _, url := range ready {
			if err := WaitFor(ctx, url); err != nil {
				return err
			}
		}
		return nil
	})
}

// StartUntil is Start for what is ready when wait returns. The context of wait ends when the program does.
func (p *Process) StartUntil(ctx context.Context, wait func(context.Context) error) error {
	if err := p.cmd.Start(); err != nil {
		p.cancel()
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		defer close(p.exited)
		err := p.cmd.Wait()
		cancel(fmt.Errorf("it ended: %w", errors.Join(err, errors.New(p.output.String()))))
	}()
	if err := wait(ctx); err != nil {
		p.Stop()
		return fmt.Errorf("%w\n%s", errors.Join(err, context.Cause(ctx)), p.output.String())
	}
	return nil
}

// Stop ends the program in good order, and waits for it. It must have been started.
func (p *Process) Stop() {
	p.cancel()
	<-p.exited
}

// PID is the program's own: taskset becomes what it runs.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Output is what it wrote. It must have been stopped.
func (p *Process) Output() string { return p.output.String() }
