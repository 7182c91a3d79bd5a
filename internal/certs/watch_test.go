package certs

import (
	"context"
	"crypto/tls"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// run runs until the test ends.
func run(t *testing.T, component func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- component(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run() = %v, want nil", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func current(f *Files) string {
	c, _ := f.Certificate(&tls.ClientHelloInfo{})
	return c.Leaf.Subject.CommonName
}

func TestFiles_Run(t *testing.T) {
	tests := []struct {
		name string
		// place puts a certificate where the pair says; it is called again to replace it.
		place func(t *testing.T, dir string, round string, c content)
	}{
		{name: "files renamed over the old ones", place: func(t *testing.T, dir, _ string, c content) {
			Pair{Cert: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key")}.put(t, c)
		}},
		{name: "files written in place", place: func(t *testing.T, dir, _ string, c content) {
			for file, data := range map[string][]byte{"tls.crt": c.cert, "tls.key": c.key} {
				if err := os.WriteFile(filepath.Join(dir, file), data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}},
		{name: "a link to their directory swapped, as Kubernetes does", place: func(t *testing.T, dir, round string, c content) {
			target := filepath.Join(dir, "..2026_"+round)
			mkdir(t, target)
			Pair{Cert: filepath.Join(target, "tls.crt"), Key: filepath.Join(target, "tls.key")}.put(t, c)
			link(t, filepath.Base(target), filepath.Join(dir, "..data"))
			if round == "1" {
				link(t, "..data/tls.crt", filepath.Join(dir, "tls.crt"))
				link(t, "..data/tls.key", filepath.Join(dir, "tls.key"))
			} else if err := os.RemoveAll(filepath.Join(dir, "..2026_1")); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "links into an archive swapped, as certbot does", place: func(t *testing.T, dir, round string, c content) {
			archive := filepath.Join(dir, "archive")
			mkdir(t, archive)
			write(t, filepath.Join(archive, "cert"+round), c.cert)
			write(t, filepath.Join(archive, "key"+round), c.key)
			link(t, filepath.Join(archive, "cert"+round), filepath.Join(dir, "tls.crt"))
			link(t, filepath.Join(archive, "key"+round), filepath.Join(dir, "tls.key"))
		}},
		{name: "the file that a link leads to replaced", place: func(t *testing.T, dir, round string, c content) {
			archive := filepath.Join(dir, "archive")
			mkdir(t, archive)
			Pair{Cert: filepath.Join(archive, "c"), Key: filepath.Join(archive, "k")}.put(t, c)
			if round == "1" {
				link(t, "archive/c", filepath.Join(dir, "tls.crt"))
				link(t, "archive/k", filepath.Join(dir, "tls.key"))
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			tt.place(t, dir, "1", spec{id: "one"}.pem(t))
			f, log := files(t, Pair{Cert: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key")})
			run(t, f.Run)
			// The second proves that Run still watches the right place after the first.
			for _, round := range []string{"2", "3"} {
				tt.place(t, dir, round, spec{id: round}.pem(t))
				log.until(t, "the new certificate", func() bool { return current(f) == round })
			}
			if n := log.count(`"level":"info"`, "reloaded"); n != 2 {
				t.Errorf("reloads logged = %d, want 2:\n%s", n, log)
			}
		})
	}
}

func mkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

// link makes or replaces a link in one step.
func link(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path+".new"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// A certificate without its key yet must not be served, and must not be shouted about at every look.
func TestFiles_reload_half_written(t *testing.T) {
	p, fine := spec{id: "one"}.put(t), spec{id: "fine"}.put(t)
	f, log := files(t, p, fine)
	next := spec{id: "two"}.pem(t)
	now := time.Now()

	write(t, p.Cert, next.cert)
	fine.put(t, spec{id: "finer", names: []string{"finer.test"}}.pem(t))
	for range 3 {
		f.reload(now)
	}
	if got := current(f); got != "one" {
		t.Errorf("with half of the new pair, certificate = %q, want the old one", got)
	}
	if got := served(t, f.Certificate, anyone("finer.test")); got != "finer" {
		t.Errorf("the other pair = %q, want its new certificate, finer", got)
	}
	if n := log.count(`"level":"warn"`, p.Key, "the key must be the one"); n != 1 {
		t.Errorf("warnings = %d, want 1:\n%s", n, log)
	}

	write(t, p.Key, next.key)
	f.reload(now)
	if got := current(f); got != "two" {
		t.Errorf("with all of the new pair, certificate = %q, want two", got)
	}

	if err := os.Remove(p.Key); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		f.reload(now)
	}
	if n := log.count(`"level":"warn"`, "mounted"); n != 1 {
		t.Errorf("warnings of the missing file = %d, want 1:\n%s", n, log)
	}
	write(t, p.Key, next.key)
	f.reload(now)
	write(t, p.Key, []byte("x"))
	f.reload(now)
	if err := os.Remove(p.Key); err != nil {
		t.Fatal(err)
	}
	f.reload(now)
	if n := log.count(`"level":"warn"`, "mounted"); n != 2 {
		t.Errorf("warnings after it was well between = %d, want 2:\n%s", n, log)
	}
	if got := current(f); got != "two" {
		t.Errorf("certificate = %q, want two still", got)
	}
}

func TestFiles_warnExpiring(t *testing.T) {
	const day = 24 * time.Hour
	f, log := files(t, spec{names: []string{"soon.test"}, left: 30 * day}.put(t), spec{names: []string{"later.test"}}.put(t))
	for _, tt := range []struct {
		left             time.Duration
		warnings, alarms int
	}{{8 * day, 0, 0}, {7*day + time.Minute, 0, 0}, {7*day - time.Minute, 1, 0}, {time.Minute, 2, 0}, {-time.Minute, 2, 1}} {
		f.warnExpiring(f.sources[0].cert.Leaf.NotAfter.Add(-tt.left))
		if n := log.count(`"level":"warn"`, "soon.test"); n != tt.warnings {
			t.Errorf("with %v left, warnings so far = %d, want %d:\n%s", tt.left, n, tt.warnings, log)
		}
		if n := log.count(`"level":"error"`, "soon.test"); n != tt.alarms {
			t.Errorf("with %v left, errors so far = %d, want %d:\n%s", tt.left, n, tt.alarms, log)
		}
	}
	if log.count("later.test") != 0 {
		t.Errorf("the certificate with a year left was named:\n%s", log)
	}
}

func TestFiles_remind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, log := files(t, spec{names: []string{"soon.test"}, left: 6 * 24 * time.Hour}.put(t))
		ctx, cancel := context.WithCancel(t.Context())
		go f.remind(ctx)
		defer cancel()
		for day := range 3 {
			synctest.Wait()
			if n := log.count(`"level":"warn"`, "soon.test"); n != day+1 {
				t.Errorf("after %d days, warnings = %d, want %d:\n%s", day, n, day+1, log)
			}
			time.Sleep(expiryEvery + time.Second)
		}
	})
}

func TestNewFiles_expiry(t *testing.T) {
	_, log := files(t, spec{names: []string{"soon.test"}, left: 6 * 24 * time.Hour}.put(t))
	if log.count(`"level":"warn"`, "soon.test", "expires soon") != 1 {
		t.Errorf("no warning at load:\n%s", log)
	}
}

// Handshakes never wait for a reload and always see a whole index; the race detector looks on.
func TestFiles_handshakes_during_reload(t *testing.T) {
	p := spec{id: "0", names: []string{"a.test"}}.put(t)
	f, _ := files(t, p)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			if _, err := handshake(Config(f.Certificate), anyone("a.test")); err != nil {
				t.Errorf("handshake: %v", err)
				return
			}
		}
	})
	for range 20 {
		p.put(t, spec{names: []string{"a.test"}}.pem(t))
		f.reload(time.Now())
	}
	cancel()
	wg.Wait()
}
