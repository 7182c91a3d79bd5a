package auth

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"
	"golang.org/x/crypto/bcrypt"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func hash(t *testing.T, password string) string {
	t.Helper()
	h, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(h)
}

// file writes a users file of those lines.
func file(t *testing.T, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "users")
	put(t, path, lines...)
	return path
}

func put(t *testing.T, path string, lines ...string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, path string) *Users {
	t.Helper()
	u, err := OpenUsers(path, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestUsers_check(t *testing.T) {
	u := open(t, file(t, "# who may act", "", "anna:"+hash(t, "sesame"), "bert:"+hash(t, "p:w")+"\r", "zoë:$2y$"+hash(t, "y")[4:]))
	tests := []struct {
		name, user, password string
		want                 bool
	}{
		{"right", "anna", "sesame", true},
		{"with a colon, in a line of Windows", "bert", "p:w", true},
		{"as htpasswd marks it, and not ASCII", "zoë", "y", true},
		{"wrong", "anna", "Sesame", false},
		{"another's", "anna", "y", false},
		{"none", "anna", "", false},
		{"of nobody", "carl", "sesame", false},
		{"of no name", "", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, ok := u.check(tt.user, tt.password); ok != tt.want {
				t.Errorf("check(%q, %q) = %t, want %t", tt.user, tt.password, ok, tt.want)
			}
		})
	}
}

func TestOpenUsers_says_what_is_wrong(t *testing.T) {
	good := hash(t, "x")
	tests := []struct {
		name  string
		lines []string
		want  []string
	}{
		{"no colon", []string{"anna:" + good, "bert"}, []string{":2: ", "NAME:HASH", "htpasswd -B"}},
		{"apr1", []string{"anna:$apr1$abc$def"}, []string{":1: ", `"anna" is MD5 (apr1)`, "make it with: htpasswd -B ", " anna"}},
		{"SHA-1", []string{"anna:{SHA}abc="}, []string{"SHA-1", "htpasswd -B"}},
		{"SHA-512", []string{"anna:$6$a$b"}, []string{"SHA-512", "htpasswd -B"}},
		{"plain text", []string{"anna:sesame"}, []string{"crypt or plain text", "htpasswd -B"}},
		{"cut off", []string{"anna:" + good[:40]}, []string{"damaged", "htpasswd -B"}},
		{"costly", []string{"anna:" + strings.Replace(good, "$04$", "$20$", 1)}, []string{"costs 20", "htpasswd -B -C 12"}},
		{"twice", []string{"anna:" + good, "", "anna:" + good}, []string{":3: ", "line 1", "remove one"}},
		{"no name", []string{":" + good}, []string{"a name", "htpasswd -B"}},
		{"a name with a space", []string{"an na:" + good}, []string{"a name"}},
		{"empty", []string{"# nobody"}, []string{"has no user", "htpasswd -B"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := file(t, tt.lines...)
			err := CheckFile(path)
			if err == nil {
				t.Fatal("CheckFile() = nil, want an error")
			}
			for _, want := range append(tt.want, path) {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("CheckFile() = %q, want it to hold %q", err, want)
				}
			}
			for _, secret := range []string{"sesame", good[7:40], "abc", "def"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("CheckFile() = %q tells what stands in the file: %q", err, secret)
				}
			}
		})
	}
	t.Run("all at once", func(t *testing.T) {
		if err := CheckFile(file(t, "a:b", "c:d")); err == nil || strings.Count(err.Error(), "\n") != 1 {
			t.Errorf("CheckFile() = %v, want two lines", err)
		}
	})
	t.Run("no file", func(t *testing.T) {
		if err := CheckFile(filepath.Join(t.TempDir(), "none")); err == nil || !strings.Contains(err.Error(), "htpasswd -B -c") {
			t.Errorf("CheckFile() = %v, want how to make one", err)
		}
	})
}

// The decoy costs as much as the dearest hash, so that the time does not tell who there is.
func TestUsers_decoy(t *testing.T) {
	dear, err := bcrypt.GenerateFromPassword([]byte("x"), bcrypt.MinCost+2)
	if err != nil {
		t.Fatal(err)
	}
	u := open(t, file(t, "anna:"+hash(t, "x"), "bert:"+string(dear)))
	if cost, err := bcrypt.Cost(u.table.Load().decoy); err != nil || cost != bcrypt.MinCost+2 {
		t.Errorf("decoy costs %d, %v, want %d", cost, err, bcrypt.MinCost+2)
	}
}

// lockedBuffer is a log that is written and read at the same time.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestUsers_Run(t *testing.T) {
	path := file(t, "anna:"+hash(t, "old"))
	log := &lockedBuffer{}
	u, err := OpenUsers(path, zerolog.New(log))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() {
		if err := u.Run(ctx); err != nil {
			t.Errorf("Run() = %v", err)
		}
	})
	defer run.Wait()
	defer cancel()
	until := func(what string, ok func() bool) {
		t.Helper()
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for deadline := time.Now().Add(20 * time.Second); !ok(); <-tick.C {
			if time.Now().After(deadline) {
				t.Fatalf("not within 20 s: %s\n%s", what, log)
			}
		}
	}
	put(t, path, "anna:"+hash(t, "new"), "bert:"+hash(t, "too"))
	until("the new users", func() bool { _, ok := u.check("bert", "too"); return ok })
	if _, ok := u.check("anna", "old"); ok {
		t.Error("the old password is still taken")
	}
	put(t, path, "anna:broken")
	until("a warning", func() bool { return strings.Contains(log.String(), "those before may still act") })
	if _, ok := u.check("anna", "new"); !ok {
		t.Error("with a broken file, those before can't act any more")
	}
	u.look(time.Now())
	if n := strings.Count(log.String(), `"level":"warn"`); n != 1 {
		t.Errorf("warnings = %d, want 1:\n%s", n, log)
	}
}
