//go:build docker

package e2e

import (
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// process is a Ballast on the host. It can be killed and started again, at the same addresses.
type process struct {
	*journal // Of the present life.
	t        *testing.T
	bin      string
	args     []string
	// admin and traffic are the addresses of its listeners, host:port.
	admin, traffic string
	cmd            *exec.Cmd // nil while it does not run.
}

// onHost runs the binary on the host with the stack's label prefix, until the test ends.
func (s *stack) onHost(args ...string) *process {
	s.t.Helper()
	if s.bin == "" {
		s.bin = filepath.Join(s.t.TempDir(), "ballast")
		build := exec.CommandContext(s.t.Context(), "go", "build", "-o", s.bin, "./cmd/ballast")
		build.Dir = root(s.t)
		if out, err := build.CombinedOutput(); err != nil {
			s.t.Fatalf("go build: %v\n%s", err, out)
		}
	}
	p := &process{t: s.t, bin: s.bin, admin: "127.0.0.1:0", traffic: "127.0.0.1:0"}
	p.args = append([]string{"serve", "--labels.prefix=" + s.prefix, "--log.format=json"}, args...)
	s.t.Cleanup(p.stop)
	p.start()
	return p
}

// start runs it and returns when it serves.
func (p *process) start() {
	p.t.Helper()
	p.journal = &journal{}
	cmd := exec.Command(p.bin, append(p.args, "--admin.listen="+p.admin, "--traffic.listen="+p.traffic)...)
	cmd.Stderr = p.journal
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.cmd = cmd
	l := p.find(p.t, "serving", func(l logLine) bool { return l.Message == "serving" })
	p.admin, p.traffic = l.Admin, l.Traffic
}

// kill ends it as a crash would, and returns when it is gone.
func (p *process) kill() {
	p.t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		p.t.Errorf("SIGKILL: %v", err)
	}
	_ = p.cmd.Wait() // It was killed.
	p.cmd = nil
}

// stop lets it end; one that does not run it leaves alone.
func (p *process) stop() {
	p.t.Helper()
	if p.cmd == nil {
		return
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Errorf("SIGTERM: %v", err)
	}
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("Ballast ended with %v, want exit code 0", err)
	}
	p.cmd = nil
}
