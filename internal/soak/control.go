package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// front is the front's process, as seen from outside.
type front struct {
	address string

	cmd *exec.Cmd
	mu  sync.Mutex
	in  io.WriteCloser // guarded by mu, with what is read from out.
	out *json.Decoder
}

// startFront starts a front. It must be closed.
func startFront(ctx context.Context) (*front, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	// It ends when its input does, so also with this process.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), program, frontCommand)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start the front: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start the front: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the front: %w", err)
	}
	f := &front{cmd: cmd, in: in, out: json.NewDecoder(out)}
	s, err := f.ask(command{Op: opStats})
	if err != nil {
		return nil, errors.Join(err, f.close())
	}
	f.address = s.Address
	return f, nil
}

// ask lets the front do something, and tells how it is then. A front that hangs is killed, and that is an error.
func (f *front) ask(c command) (stats, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	late := time.AfterFunc(2*patience, func() { _ = f.cmd.Process.Kill() })
	defer late.Stop()
	var s stats
	if err := json.NewEncoder(f.in).Encode(c); err != nil {
		return s, fmt.Errorf("%s at the front: %w", c.Op, err)
	}
	if err := f.out.Decode(&s); err != nil {
		return s, fmt.Errorf("%s at the front: %w", c.Op, err)
	}
	if s.Error != "" {
		return s, fmt.Errorf("%s at the front: %s", c.Op, s.Error)
	}
	return s, nil
}

// close ends the process, in good order if it can.
func (f *front) close() error {
	_, err := f.ask(command{Op: opQuit})
	f.in.Close()
	late := time.AfterFunc(patience, func() { _ = f.cmd.Process.Kill() })
	defer late.Stop()
	if ended := f.cmd.Wait(); ended != nil {
		err = errors.Join(err, fmt.Errorf("the front ended: %w", ended))
	}
	return err
}
