package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// guard lets in anna with "sesame". Clients are who X-Client says, with TLS if X-TLS is set.
func guard(t *testing.T) (*Auth, string) {
	t.Helper()
	path := file(t, "anna:"+hash(t, "sesame"))
	return New(Options{
		Users:  open(t, path),
		Client: func(r *http.Request) netip.Addr { return netip.MustParseAddr(r.Header.Get("X-Client")) },
		Secure: func(r *http.Request) bool { return r.Header.Get("X-TLS") != "" },
	}), path
}

func request(client, user, password string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", http.NoBody)
	r.Header.Set("X-Client", client)
	if user != "" {
		r.SetBasicAuth(user, password)
	}
	return r
}

const home, away = "192.0.2.1", "198.51.100.1"

func TestAuth_Basic(t *testing.T) {
	a, _ := guard(t)
	tests := []struct {
		name, user, password string
		want                 error
	}{
		{"right", "anna", "sesame", nil},
		{"wrong", "anna", "x", ErrWrong},
		{"unknown", "bert", "sesame", ErrWrong},
		{"none", "", "", ErrNobody},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			user, err := a.Basic(request(home, tt.user, tt.password))
			if user != tt.user || !errors.Is(err, tt.want) {
				t.Errorf("Basic() = %q, %v, want %q, %v", user, err, tt.user, tt.want)
			}
		})
	}
}

func TestAuth_limits_wrong_passwords(t *testing.T) {
	a, _ := guard(t)
	synctest.Test(t, func(t *testing.T) {
		a.epoch = time.Now()
		for range 2 * attempts.Burst {
			if _, err := a.Basic(request(home, "anna", "sesame")); err != nil {
				t.Fatalf("right passwords are limited: %v", err)
			}
		}
		for range attempts.Burst {
			if _, err := a.Basic(request(home, "anna", "x")); !errors.Is(err, ErrWrong) {
				t.Fatalf("Basic() = %v, want ErrWrong", err)
			}
		}
		var limited *LimitedError
		if _, err := a.Basic(request(home, "anna", "sesame")); !errors.As(err, &limited) || limited.Wait != 6*time.Second {
			t.Fatalf("after %d wrong ones the right one = %v, want to be told to wait for 6 s", attempts.Burst, err)
		}
		if _, err := a.Basic(request(away, "anna", "sesame")); err != nil {
			t.Errorf("another client is limited as well: %v", err)
		}
		time.Sleep(limited.Wait)
		if _, err := a.Basic(request(home, "anna", "sesame")); err != nil {
			t.Errorf("after the wait: %v", err)
		}
	})
}

// Many at once get no more tries than one after another.
func TestAuth_limits_those_at_once(t *testing.T) {
	a, _ := guard(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	wrong := 0
	for range 50 {
		wg.Go(func() {
			if _, err := a.Basic(request(home, "anna", "x")); errors.Is(err, ErrWrong) {
				mu.Lock()
				wrong++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if wrong != attempts.Burst {
		t.Errorf("%d passwords were compared, want %d", wrong, attempts.Burst)
	}
}

// Whoever goes away while others' passwords are compared takes no processor.
func TestAuth_gives_up_for_clients_that_left(t *testing.T) {
	a, _ := guard(t)
	for range parallel {
		a.gate <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.Basic(request(home, "anna", "sesame").WithContext(ctx)); !errors.Is(err, context.Canceled) {
		t.Errorf("Basic() = %v, want that the client has gone", err)
	}
}

// login logs in and returns the cookie.
func login(t *testing.T, a *Auth, r *http.Request) *http.Cookie {
	t.Helper()
	w := httptest.NewRecorder()
	if err := a.LogIn(w, r, "anna", "sesame"); err != nil {
		t.Fatal(err)
	}
	cookies := w.Result().Cookies()
	if len(cookies) != 1 {
		t.Fatalf("LogIn set %d cookies, want 1", len(cookies))
	}
	return cookies[0]
}

func with(c *http.Cookie) *http.Request {
	r := request(home, "", "")
	r.AddCookie(c)
	return r
}

func TestAuth_session(t *testing.T) {
	a, path := guard(t)
	synctest.Test(t, func(t *testing.T) {
		in := func(c *http.Cookie) bool { user, ok := a.Session(with(c)); return ok && user == "anna" }
		if _, ok := a.Session(request(home, "", "")); ok || in(&http.Cookie{Name: CookieName, Value: "x"}) {
			t.Error("a session without its cookie")
		}
		w := httptest.NewRecorder()
		if err := a.LogIn(w, request(home, "", ""), "anna", "x"); !errors.Is(err, ErrWrong) || len(w.Header()) != 0 {
			t.Errorf("LogIn with a wrong password = %v, %v, want ErrWrong and no cookie", err, w.Header())
		}
		first := login(t, a, request(home, "", ""))
		if !in(first) {
			t.Fatal("no session after LogIn")
		}
		second := login(t, a, with(first))
		if in(first) || !in(second) {
			t.Error("logging in again did not put another session in place of the first")
		}
		out := httptest.NewRecorder()
		a.LogOut(out, with(second))
		if got := out.Result().Cookies(); in(second) || len(got) != 1 || got[0].MaxAge >= 0 {
			t.Errorf("after LogOut there is a session, or the cookie stays: %v", got)
		}
		third := login(t, a, request(home, "", ""))
		time.Sleep(lasts - time.Second)
		if !in(third) {
			t.Error("the session is over within 12 hours")
		}
		time.Sleep(time.Second)
		if in(third) || len(a.sessions.all) != 0 {
			t.Error("the session is not over after 12 hours")
		}
		fourth := login(t, a, request(home, "", ""))
		put(t, path, "bert:"+hash(t, "x"), "anna:"+hash(t, "sesame"))
		a.o.Users.look(time.Now())
		if in(fourth) {
			t.Error("the session outlived the password's hash")
		}
	})
}

func TestAuth_cookie(t *testing.T) {
	a, _ := guard(t)
	for _, tls := range []string{"", "yes"} {
		t.Run(fmt.Sprintf("TLS %q", tls), func(t *testing.T) {
			r := request(home, "", "")
			r.Header.Set("X-TLS", tls)
			c := login(t, a, r)
			if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Secure != (tls != "") || c.Path != "/dashboard" || c.MaxAge != 12*3600 || len(c.Value) < 26 {
				t.Errorf("cookie = %v", c)
			}
		})
	}
}

func TestSessions_are_bounded(t *testing.T) {
	s := sessions{all: map[token]session{}}
	now := time.Now()
	var secrets []string
	for i := range mostSessions + 2 {
		secrets = append(secrets, s.add(session{user: fmt.Sprint(i), ends: now.Add(time.Hour + time.Duration(i))}, now))
	}
	if len(s.all) != mostSessions {
		t.Errorf("%d sessions, want %d", len(s.all), mostSessions)
	}
	for i, secret := range secrets {
		if _, ok := s.find(secret, now); ok != (i >= 2) {
			t.Errorf("session %d is there: %t", i, ok)
		}
	}
}
