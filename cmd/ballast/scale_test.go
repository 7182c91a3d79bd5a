package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/crypto/bcrypt"

	"github.com/ballast-lb/ballast/internal/app"
	"github.com/ballast-lb/ballast/internal/config"
)

// acting is a running demo, in which anna's password is "sesame"; it returns the address of its admin listener.
func acting(t *testing.T, args ...string) string {
	t.Helper()
	h, err := bcrypt.GenerateFromPassword([]byte("sesame"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	users := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(users, []byte("anna:"+string(h)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(config.Sources{
		Args:  append([]string{"--admin.listen=127.0.0.1:0", "--traffic.listen=off", "--admin.auth.users-file=" + users}, args...),
		Fixed: map[string]string{"engine": config.EngineEmbedded},
	})
	if err != nil {
		t.Fatal(err)
	}
	a, err := app.New(t.Context(), app.Options{Config: c, Version: "test", Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run() = %v", err)
		}
	})
	base := "http://" + a.Addr().String()
	t.Setenv("BALLAST_USER", "anna")
	t.Setenv("BALLAST_PASSWORD", "sesame")
	o := scaleOptions{pool: "default", url: base}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); ; <-tick.C {
		if p, err := o.look(t.Context()); err == nil && p.Replicas.Ready == 3 && p.Replicas.Desired > 0 {
			return base
		}
		if time.Now().After(deadline) {
			t.Fatal("the demo is not ready within 20 s")
		}
	}
}

func TestScale(t *testing.T) {
	base := acting(t)
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("sesame\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, args string
		env        []string
		out        string // What is printed, as a pattern; empty if it is refused.
		err        string
	}{
		{"up", "default 5", nil, `^pool default: 5 ready, after [0-9.]+m?s\n$`, ""},
		{"by a file", "default 5", []string{"BALLAST_PASSWORD", "", "BALLAST_PASSWORD_FILE", file}, `^pool default: 5 ready`, ""},
		{"down", "default 4", nil, `^pool default: 4 ready`, ""},
		{
			"paused, and limits", "default 3 --pause --max=9 --min 2", nil,
			`^pool default: anna set min to 2 by hand and set max to 9 by hand\npool default: anna paused autoscaling; 4 ready, 0 starting\npool default: 3 ready, after`, "",
		},
		{"all taken back", "default --resume --max none --min=none", nil, `took min back to \d and took max back to \d+\npool default: anna resumed autoscaling; 3 ready`, ""},
		{"too many", "default 400", nil, "", "refused: 400 is more than the maximum of"},
		{"no such pool", "shop 4", nil, "", `refused: no pool "shop"`},
		{"a wrong password", "default 4", []string{"BALLAST_PASSWORD", "x"}, "", "refused: wrong user or password"},
		{"nobody", "default 4", []string{"BALLAST_USER", ""}, "", "set BALLAST_USER"},
		{"no pool", "", nil, "", "say which pool"},
		{"nothing to do", "default", nil, "", "say what to do"},
		{"no number", "default four", nil, "", `"four" must be how many`},
		{"no limit", "default --min x", nil, "", "or none to take it back"},
		{"both", "default --pause --resume", nil, "", "give one of them"},
		{"a password on the command line", "default 4 --password=sesame", nil, "", "-password"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for i := 0; i < len(tt.env); i += 2 {
				t.Setenv(tt.env[i], tt.env[i+1])
			}
			var out bytes.Buffer
			err := run(t.Context(), append([]string{"scale", "--url=" + base}, strings.Fields(tt.args)...), &out)
			switch {
			case tt.err != "":
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("ballast scale %s = %v, want %q", tt.args, err, tt.err)
				}
			case err != nil || !regexp.MustCompile(tt.out).MatchString(out.String()):
				t.Errorf("ballast scale %s = %v and\n%swant %s", tt.args, err, out.String(), tt.out)
			}
		})
	}
}

// What can't be made is said, not waited for.
func TestScale_says_what_is_in_the_way(t *testing.T) {
	base := acting(t, "--scale.max-containers=1")
	var out bytes.Buffer
	err := run(t.Context(), []string{"scale", "default", "6", "--url", base}, &out)
	if err == nil || !strings.Contains(err.Error(), " of 6 ready: this host has all the clones that it may have, 1: raise scale.max-containers") {
		t.Errorf("ballast scale default 6 = %v and %q, want what is in the way", err, out.String())
	}
}

// What somebody took out takes a place.
func TestScale_beside_what_is_drained(t *testing.T) {
	base := acting(t)
	o := scaleOptions{url: base, user: "anna", passphrase: "sesame"}
	if _, err := o.act(t.Context(), "/api/v1/backends/web-a/drain", nil, nil); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ args, out, err string }{
		{"default 4", "pool default: 4 ready", ""},
		{"default 5 --max 5", "", "4 of 5 ready, and there may be no more than 5 in all: web-a is draining"},
	} {
		var out bytes.Buffer
		err := run(t.Context(), append([]string{"scale", "--url=" + base}, strings.Fields(tt.args)...), &out)
		if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) || !strings.Contains(out.String(), tt.out) {
			t.Errorf("ballast scale %s = %v and %q, want %q or %q", tt.args, err, out.String(), tt.err, tt.out)
		}
	}
}

func TestScale_tells_on_a_terminal_how_far_it_is(t *testing.T) {
	base := acting(t)
	var out bytes.Buffer
	s := &screen{out: &out, terminal: true}
	o := scaleOptions{pool: "default", url: base, user: "anna", passphrase: "sesame"}
	d, err := o.act(t.Context(), poolsPath+"default/scale", map[string]int{"replicas": 4}, nil)
	if err != nil {
		t.Fatal(err)
	}
	nine := 9 // Which nobody has asked for.
	o.replicas = &nine
	ctx, cancel := context.WithTimeout(t.Context(), quietFor+3*pollEvery)
	defer cancel()
	if _, err := s.await(ctx, o, d, time.Now()); err == nil || !strings.Contains(err.Error(), "interrupted") {
		t.Errorf("await() = %v, want that it was interrupted", err)
	}
	if text := out.String(); !strings.Contains(text, "\r"+clearLine+"pool default: 4 of 9 ready, 0 starting, for 1s") || !strings.HasSuffix(text, "\r"+clearLine) {
		t.Errorf("told %q", text)
	}
}
