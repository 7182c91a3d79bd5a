package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"sync"
	"time"
)

const (
	// CookieName is that of the cookie by which a session is known.
	CookieName = "ballast_session"
	// CookiePath is where the paths begin that get it.
	CookiePath = "/dashboard"
	// lasts is how long a session does, mostSessions how many there may be: then the one that ends first is given up.
	lasts        = 12 * time.Hour
	mostSessions = 1000
)

// token is a hash of what a cookie holds, so that looking it up tells nothing by the time it takes.
type token [sha256.Size]byte

type session struct {
	user string
	ends time.Time
	// hash is the one that its password was compared with: with another one the session is over.
	hash []byte
}

type sessions struct {
	mu  sync.Mutex
	all map[token]session
}

// add begins a session and returns what its cookie holds.
func (s *sessions) add(of session, now time.Time) string {
	secret := rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.all) >= mostSessions {
		s.makeRoom(now)
	}
	s.all[sha256.Sum256([]byte(secret))] = of
	return secret
}

// makeRoom drops the sessions that are over, or the one that ends first.
func (s *sessions) makeRoom(now time.Time) {
	var first token
	var ends time.Time
	for t, have := range s.all {
		if !now.Before(have.ends) {
			delete(s.all, t)
			continue
		}
		if ends.IsZero() || have.ends.Before(ends) {
			first, ends = t, have.ends
		}
	}
	if len(s.all) >= mostSessions {
		delete(s.all, first)
	}
}

func (s *sessions) find(secret string, now time.Time) (session, bool) {
	t := token(sha256.Sum256([]byte(secret)))
	s.mu.Lock()
	defer s.mu.Unlock()
	have, ok := s.all[t]
	if ok && !now.Before(have.ends) {
		delete(s.all, t)
		return session{}, false
	}
	return have, ok
}

func (s *sessions) remove(secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, sha256.Sum256([]byte(secret)))
}

// Session returns the user whose session the request's cookie is of. A session lasts 12 hours, until LogOut, until the
// user's line in the file changes, or until Ballast ends.
func (a *Auth) Session(r *http.Request) (user string, ok bool) {
	c, err := r.Cookie(CookieName)
	if err != nil {
		return "", false
	}
	s, ok := a.sessions.find(c.Value, time.Now())
	if ok && !a.o.Users.still(s.user, s.hash) {
		a.sessions.remove(c.Value)
		return "", false
	}
	return s.user, ok
}

// LogIn begins a session of a user whose password is right, in place of the one that the request has; errors are as those of
// Basic. It writes nothing but the cookie.
func (a *Auth) LogIn(w http.ResponseWriter, r *http.Request, user, password string) error {
	hash, err := a.check(r, user, password)
	if err != nil {
		return err
	}
	a.end(r)
	now := time.Now()
	secret := a.sessions.add(session{user: user, ends: now.Add(lasts), hash: hash}, now)
	http.SetCookie(w, a.cookie(r, secret, int(lasts/time.Second)))
	return nil
}

// LogOut ends the request's session, if it has one, and has the client forget the cookie. It writes nothing but that.
func (a *Auth) LogOut(w http.ResponseWriter, r *http.Request) {
	a.end(r)
	http.SetCookie(w, a.cookie(r, "", -1))
}

func (a *Auth) end(r *http.Request) {
	if c, err := r.Cookie(CookieName); err == nil {
		a.sessions.remove(c.Value)
	}
}

func (a *Auth) cookie(r *http.Request, value string, seconds int) *http.Cookie {
	return &http.Cookie{
		Name: CookieName, Value: value, Path: CookiePath, MaxAge: seconds,
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: a.o.Secure(r),
	}
}
