package auth

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/rs/zerolog"
	"golang.org/x/crypto/bcrypt"

	"github.com/ballast-lb/ballast/internal/filewatch"
)

const (
	// largestFile and longestName are more than anybody has.
	largestFile = 1 << 20
	longestName = 64
	// highestCost takes some seconds: a login with more would keep a processor busy for minutes.
	highestCost = 15
)

// Users are those of a file, which is read again when it changes. Checks read one immutable table; Run is its only writer.
type Users struct {
	path  string
	log   zerolog.Logger
	table atomic.Pointer[table]

	// sum is of what the table was read from, failure what is wrong with the file now, so that it is logged once.
	sum     [sha256.Size]byte
	failure string
}

// table are hashes by user. decoy is what the password of a user that there is not is compared with.
type table struct {
	hashes map[string][]byte
	decoy  []byte
}

// OpenUsers reads a file. Its error names the file, the line and the remedy, and never a hash. Run must follow for changes to
// be seen.
func OpenUsers(path string, log zerolog.Logger) (*Users, error) {
	u := &Users{path: path, log: log}
	_, err := u.load()
	return u, err
}

// CheckFile says what is wrong with a users file, as OpenUsers does.
func CheckFile(path string) error {
	_, err := OpenUsers(path, zerolog.Nop())
	return err
}

// Run reads the file again when it changes, until ctx ends, and returns nil then. A file that can't be used keeps the users
// before, with one warning.
func (u *Users) Run(ctx context.Context) error {
	return filewatch.Run(ctx, filewatch.Options{
		Files: func() []string { return []string{u.path} }, Look: func() { u.look(time.Now()) }, What: "users", Logger: u.log,
	})
}

func (u *Users) look(time.Time) {
	changed, err := u.load()
	switch {
	case err == nil:
		u.failure = ""
	case err.Error() != u.failure:
		u.failure = err.Error()
		u.log.Warn().Err(err).Msg("users not read again, those before may still act")
	}
	if changed {
		u.log.Info().Str("file", u.path).Int("users", len(u.table.Load().hashes)).Msg("users read again")
	}
}

// load reads the file; one that can't be used leaves the users before as they are.
func (u *Users) load() (changed bool, err error) {
	text, err := readFile(u.path)
	if err != nil {
		return false, err
	}
	sum := sha256.Sum256(text)
	if sum == u.sum {
		return false, nil
	}
	t, err := parse(u.path, text)
	if err != nil {
		return false, err
	}
	u.table.Store(t)
	u.sum = sum
	return true, nil
}

func readFile(path string) ([]byte, error) {
	const what = "read users: %w: "
	f, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf(what+"check the path, and that it is mounted where Ballast runs; htpasswd -B -c %s NAME makes it", err, path)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf(what+"let the user that Ballast runs as read the file", err)
	case err != nil:
		return nil, fmt.Errorf(what+"name a file that this process may read", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, largestFile+1))
	if err != nil {
		return nil, fmt.Errorf(what+"name a file that this process may read", err)
	}
	if len(text) > largestFile {
		return nil, fmt.Errorf("users file %s is larger than %d KiB: name one that htpasswd -B made", path, largestFile>>10)
	}
	return text, nil
}

// parse reads lines of NAME:HASH, as htpasswd writes them. Empty ones and those that begin with # are passed over. All
// that is wrong is told.
func parse(path string, text []byte) (*table, error) {
	t := &table{hashes: map[string][]byte{}}
	lines, cost := map[string]int{}, bcrypt.MinCost
	var errs []error
	number := 0
	for line := range bytes.Lines(text) {
		number++
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		name, hash, err := parseLine(path, string(line))
		if first, twice := lines[name]; err == nil && twice {
			err = fmt.Errorf("user %q stands in line %d already: remove one", name, first)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s:%d: %w", path, number, err))
			continue
		}
		lines[name], t.hashes[name] = number, hash
		if c, err := bcrypt.Cost(hash); err == nil {
			cost = max(cost, c)
		}
	}
	if len(errs) == 0 && len(t.hashes) == 0 {
		errs = append(errs, fmt.Errorf("users file %s has no user: make one with: htpasswd -B %s NAME", path, path))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	var err error
	if t.decoy, err = bcrypt.GenerateFromPassword([]byte(rand.Text()), cost); err != nil {
		return nil, fmt.Errorf("users file %s: %w", path, err)
	}
	return t, nil
}

func parseLine(path, line string) (name string, hash []byte, err error) {
	name, text, ok := strings.Cut(line, ":")
	switch {
	case !ok:
		return "", nil, fmt.Errorf("must be NAME:HASH: make it with: htpasswd -B %s NAME", path)
	case !validName(name):
		return "", nil, fmt.Errorf("a name must have 1 to %d printable letters without spaces: make it with: htpasswd -B %s NAME", longestName, path)
	}
	remedy := fmt.Sprintf("make it with: htpasswd -B %s %s", path, name)
	if kind := otherKind(text); kind != "" {
		return "", nil, fmt.Errorf("the hash of %q is %s, not bcrypt: %s", name, kind, remedy)
	}
	cost, err := bcrypt.Cost([]byte(text))
	switch {
	case err != nil || len(text) != 60: // All of them are as long.
		return "", nil, fmt.Errorf("the hash of %q is damaged: %s", name, remedy)
	case cost > highestCost:
		return "", nil, fmt.Errorf("the hash of %q costs %d, so that a login would take minutes: make it with: htpasswd -B -C 12 %s %s", name, cost, path, name)
	}
	return name, []byte(text), nil
}

func validName(name string) bool {
	return name != "" && len(name) <= longestName && utf8.ValidString(name) &&
		strings.IndexFunc(name, func(r rune) bool { return !unicode.IsGraphic(r) || unicode.IsSpace(r) }) < 0
}

// otherKind names the kind of a hash that is not bcrypt; empty if it is.
func otherKind(hash string) string {
	for _, k := range [...]struct{ prefix, kind string }{
		{"$2a$", ""},
		{"$2b$", ""},
		{"$2y$", ""},
		{"$apr1$", "MD5 (apr1)"},
		{"$1$", "MD5"},
		{"{SHA}", "SHA-1"},
		{"{SSHA}", "salted SHA-1"},
		{"$5$", "SHA-256 (crypt)"},
		{"$6$", "SHA-512 (crypt)"},
		{"$argon2", "Argon2"},
	} {
		if strings.HasPrefix(hash, k.prefix) {
			return k.kind
		}
	}
	return "crypt or plain text"
}

// check says whether that is a user's password, and with which hash. It takes as long for users that there are not.
func (u *Users) check(name, password string) (hash []byte, ok bool) {
	t := u.table.Load()
	hash, known := t.hashes[name]
	if !known {
		hash = t.decoy
	}
	matches := bcrypt.CompareHashAndPassword(hash, []byte(password)) == nil
	return hash, matches && known
}

// still says whether a user's hash is that one.
func (u *Users) still(name string, hash []byte) bool {
	return bytes.Equal(u.table.Load().hashes[name], hash)
}
