//go:build docker

package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"

	"github.com/ballast-lb/ballast/engine"
)

const patience = 30 * time.Second

// bench is a real engine with an image of the fixture.
type bench struct {
	*Engine
	image string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	e, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	if _, err := e.Info(t.Context()); errors.Is(err, engine.ErrUnavailable) {
		if os.Getenv("CI") != "" {
			t.Fatalf("no Docker Engine answers: %v", err)
		}
		t.Skipf("SKIPPED, NOTHING WAS TESTED: no Docker Engine answers: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	b := &bench{Engine: e, image: unique("image")}
	b.build(t, b.image, "")
	return b
}

// unique returns a name that nothing else on the machine has.
func unique(what string) string {
	return "ballast-test-" + what + "-" + strings.ToLower(rand.Text()[:10])
}

// within gives a cleanup its time, which t.Context() has no more.
func within() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), patience)
}

// build makes an image from scratch that runs the fixture; more is added to its Dockerfile.
func (b *bench) build(t *testing.T, tag, more string) {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "fixture")
	compile := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, "./testdata/fixture")
	compile.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOFLAGS=")
	if out, err := compile.CombinedOutput(); err != nil {
		t.Fatalf("build the fixture: %v\n%s", err, out)
	}
	program, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	var files bytes.Buffer
	w := tar.NewWriter(&files)
	for name, content := range map[string][]byte{
		"fixture":    program,
		"Dockerfile": []byte("FROM scratch\nCOPY fixture /fixture\nEXPOSE 8080\nENTRYPOINT [\"/fixture\"]\n" + more),
	} {
		err = errors.Join(err, w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(content))}))
		_, writeErr := w.Write(content)
		err = errors.Join(err, writeErr)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := within()
	defer cancel()
	response, err := b.conn.Load().ImageBuild(ctx, &files, build.ImageBuildOptions{Tags: []string{tag}, Remove: true, ForceRemove: true})
	if err != nil {
		t.Fatalf("build image: %v", err)
	}
	defer response.Body.Close()
	log, err := io.ReadAll(response.Body)
	if err != nil || bytes.Contains(log, []byte(`"errorDetail"`)) {
		t.Fatalf("build image: %v\n%s", err, log)
	}
	built, err := b.conn.Load().ImageInspect(ctx, tag)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := within()
		defer cancel()
		_, _ = b.conn.Load().ImageRemove(ctx, tag, image.RemoveOptions{PruneChildren: true})
		// By its ID too: a test may have moved the tag.
		_, _ = b.conn.Load().ImageRemove(ctx, built.ID, image.RemoveOptions{PruneChildren: true})
	})
}

// create makes a container with Docker's client, and removes it when the test ends.
func (b *bench) create(t *testing.T, name string, config container.Config, host container.HostConfig) string {
	t.Helper()
	if config.Image == "" {
		config.Image = b.image
	}
	created, err := b.conn.Load().ContainerCreate(t.Context(), &config, &host, nil, nil, name)
	if err != nil {
		t.Fatalf("create %s: %v", name, err)
	}
	b.removeLater(t, created.ID)
	return created.ID
}

func (b *bench) removeLater(t *testing.T, id string) {
	t.Cleanup(func() {
		ctx, cancel := within()
		defer cancel()
		_ = b.Remove(ctx, id, true)
	})
}

func (b *bench) clone(t *testing.T, spec engine.Spec) string {
	t.Helper()
	id, err := b.Create(t.Context(), spec)
	if err != nil {
		t.Fatalf("Create(%+v): %v", spec, err)
	}
	b.removeLater(t, id)
	return id
}

func (b *bench) raw(t *testing.T, id string) container.InspectResponse {
	t.Helper()
	c, err := b.inspect(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// network makes a network, and removes it when the test ends.
func (b *bench) network(t *testing.T) string {
	t.Helper()
	name := unique("network")
	if _, err := b.conn.Load().NetworkCreate(t.Context(), name, network.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := within()
		defer cancel()
		if err := b.conn.Load().NetworkRemove(ctx, name); err != nil {
			t.Errorf("remove network %s: %v", name, err)
		}
	})
	return name
}

// get asks a running container until it answers.
func (b *bench) get(t *testing.T, id, path string) string {
	t.Helper()
	c, err := b.Inspect(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	deadline := time.Now().Add(patience)
	for {
		response, err := (&http.Client{Transport: transport, Timeout: time.Second}).Get("http://" + c.Networks[0].Address + ":8080" + path)
		if err == nil {
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			return string(body)
		}
		if time.Now().After(deadline) {
			t.Fatalf("container %s does not answer: %v", id, err)
		}
	}
}
