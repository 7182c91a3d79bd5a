package app

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/ballast-lb/ballast/containers/autoscale"
	"github.com/ballast-lb/ballast/dashboard"
	"github.com/ballast-lb/ballast/internal/auth"
	"github.com/ballast-lb/ballast/proxy/forward"
	"github.com/ballast-lb/ballast/proxy/nethttp"
)

// mostBody is more than any action needs.
const mostBody = 4 << 10

// action is one act of the API: it answers with what came of it.
type action func(r *http.Request, who Actor) (any, error)

// actionRoutes are the acts of the API. Reading them is a mistake that is told.
func (a *App) actionRoutes(r chi.Router) {
	for path, do := range map[string]action{
		"/pools/{pool}/scale":     a.postScale,
		"/pools/{pool}/autoscale": a.postAutoscale,
		"/pools/{pool}/limits":    a.postLimits,
		"/backends/{id}/drain":    a.onBackend((*Actions).Drain),
		"/backends/{id}/undrain":  a.onBackend((*Actions).Undrain),
		"/backends/{id}/restart":  a.onBackend((*Actions).Restart),
	} {
		r.With(a.sameOrigin).Post(path, a.serveAction(do))
		r.Get(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Allow", http.MethodPost)
			nethttp.Problem(w, http.StatusMethodNotAllowed, "method-not-allowed", "this path acts: use POST")
		})
	}
}

// serveAction does an act for who proves himself with the request.
func (a *App) serveAction(do action) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, mostBody)
		who, no := a.actor(w, r)
		if no != nil {
			a.actions.refused(who, r.Method, r.URL.Path, no)
			nethttp.Problem(w, no.Status, no.Slug, no.Detail)
			return
		}
		answer, err := do(r, who)
		if err != nil {
			no := asRefusal(err)
			nethttp.Problem(w, no.Status, no.Slug, no.Detail)
			return
		}
		writeJSON(w, http.StatusOK, answer)
	}
}

// nobodyMay is what who acts is told while there is no users file.
var nobodyMay = Refusal{
	http.StatusForbidden, "no-users",
	"nobody may act here: make a file with htpasswd -B -c users NAME, and set admin.auth.users-file to it",
}

// actor is who proves himself by HTTP Basic. If nobody does, w has the header fields that the refusal is to be sent with.
func (a *App) actor(w http.ResponseWriter, r *http.Request) (Actor, *Refusal) {
	who := Actor{Client: a.client(r)}
	if a.auth == nil {
		return who, &nobodyMay
	}
	var err error
	if who.User, err = a.auth.Basic(r); err == nil {
		return who, nil
	}
	no := unproven(w, err)
	if no.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="Ballast", charset="UTF-8"`)
	}
	return who, no
}

// unproven is the refusal for an error of package auth.
func unproven(w http.ResponseWriter, err error) *Refusal {
	limited := new(auth.LimitedError)
	switch {
	case errors.As(err, &limited):
		w.Header().Set("Retry-After", strconv.Itoa(int(limited.Wait/time.Second)+1))
		return refusal(http.StatusTooManyRequests, "too-many-attempts", "%s", err)
	case errors.Is(err, auth.ErrNobody):
		return refusal(http.StatusUnauthorized, "unauthenticated", "who acts must prove himself: send a user of the users file and the password by HTTP Basic")
	case errors.Is(err, auth.ErrWrong):
		return refusal(http.StatusUnauthorized, "unauthenticated", "%s", err)
	}
	return refusal(http.StatusServiceUnavailable, "busy", "%s", err)
}

// signedIn is who has a session on the page. The cookie comes with paths under /dashboard only.
func (a *App) signedIn(r *http.Request) (Actor, bool) {
	if a.auth == nil {
		return Actor{}, false
	}
	user, ok := a.auth.Session(r)
	return Actor{User: user, Client: a.client(r)}, ok
}

// sameOrigin refuses what a browser sends for another site's page.
func (a *App) sameOrigin(next http.Handler) http.Handler {
	p := http.NewCrossOriginProtection()
	p.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		no := refusal(http.StatusForbidden, "cross-origin", "a page of another site sent this: act from Ballast's own page, or from a program")
		a.actions.refused(Actor{Client: a.client(r)}, r.Method, r.URL.Path, no)
		nethttp.Problem(w, no.Status, no.Slug, no.Detail)
	}))
	return p.Handler(next)
}

// client is who is believed to have sent a request.
func (a *App) client(r *http.Request) netip.Addr {
	return forward.Client(a.trust, peer(r), r.Header.Values("X-Forwarded-For"))
}

// byTLS says whether a request came by TLS, here or at a proxy that is trusted.
func (a *App) byTLS(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	https, ok := forward.Proto(r.Header.Get("X-Forwarded-Proto"))
	return ok && https && a.trust.Contains(peer(r))
}

// peer is the address of who is connected.
func peer(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}

// decode reads an action's body; example is one that is right.
func decode(r *http.Request, into any, example string) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return refusal(http.StatusBadRequest, "bad-request", "the body must be JSON such as %s: %s", example, err)
	}
	return nil
}

// badBody logs that somebody asked for what can't be read, and returns why.
func (a *App) badBody(who Actor, r *http.Request, err error) error {
	a.actions.refused(who, r.Method, r.URL.Path, asRefusal(err))
	return err
}

func (a *App) postScale(r *http.Request, who Actor) (any, error) {
	const example = `{"replicas":3}`
	var body struct{ Replicas *int }
	err := decode(r, &body, example)
	if err == nil && (body.Replicas == nil || *body.Replicas < 0) {
		err = refusal(http.StatusBadRequest, "bad-request", "replicas must be a number from 0 up, as in %s", example)
	}
	if err != nil {
		return nil, a.badBody(who, r, err)
	}
	return a.actions.Scale(r.Context(), who, chi.URLParam(r, "pool"), *body.Replicas)
}

func (a *App) postAutoscale(r *http.Request, who Actor) (any, error) {
	const example = `{"enabled":false}`
	var body struct{ Enabled *bool }
	err := decode(r, &body, example)
	if err == nil && body.Enabled == nil {
		err = refusal(http.StatusBadRequest, "bad-request", "enabled must be true or false, as in %s", example)
	}
	if err != nil {
		return nil, a.badBody(who, r, err)
	}
	return a.actions.Autoscale(r.Context(), who, chi.URLParam(r, "pool"), *body.Enabled)
}

func (a *App) postLimits(r *http.Request, who Actor) (any, error) {
	var body struct{ Min, Max limitBody }
	err := decode(r, &body, `{"min":2,"max":null}`)
	if err != nil {
		return nil, a.badBody(who, r, err)
	}
	return a.actions.Limits(who, chi.URLParam(r, "pool"), autoscale.Limits{Min: body.Min.n, Max: body.Max.n})
}

// limitBody is a limit in a body: nil if it is left out, autoscale.Off if it is null.
type limitBody struct{ n *int }

// UnmarshalJSON implements json.Unmarshaler.
func (l *limitBody) UnmarshalJSON(text []byte) error {
	n := autoscale.Off
	if string(text) != "null" {
		if err := json.Unmarshal(text, &n); err != nil || n < 0 {
			return errors.New("min and max are numbers from 0 up, or null")
		}
	}
	l.n = &n
	return nil
}

func (a *App) onBackend(do func(*Actions, Actor, string) (Done, error)) action {
	return func(r *http.Request, who Actor) (any, error) { return do(a.actions, who, chi.URLParam(r, "id")) }
}

// sessionRoutes are where people log in and out. The page itself is for everybody.
func (a *App) sessionRoutes(r chi.Router, page *dashboard.Dashboard) {
	show := func(w http.ResponseWriter, r *http.Request, status int, v dashboard.Login) {
		v.Off = a.auth == nil
		if who, ok := a.signedIn(r); ok {
			v.User = who.User
		}
		page.ServeLogin(w, status, v)
	}
	r.Get("/dashboard/login", func(w http.ResponseWriter, r *http.Request) { show(w, r, http.StatusOK, dashboard.Login{}) })
	r.Get("/dashboard/session", func(w http.ResponseWriter, r *http.Request) {
		who, _ := a.signedIn(r)
		writeJSON(w, http.StatusOK, sessionDoc{Users: a.auth != nil, User: who.User})
	})
	r.With(a.sameOrigin).Post("/dashboard/login", func(w http.ResponseWriter, r *http.Request) {
		if a.auth == nil {
			show(w, r, nobodyMay.Status, dashboard.Login{})
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, mostBody)
		who := Actor{User: r.PostFormValue("user"), Client: a.client(r)}
		if err := a.auth.LogIn(w, r, who.User, r.PostFormValue("password")); err != nil {
			no := unproven(w, err)
			a.actions.refused(who, "login", "", no)
			show(w, r, no.Status, dashboard.Login{Wrong: err.Error()})
			return
		}
		a.actions.did(who, "login", "")
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
	r.With(a.sameOrigin).Post("/dashboard/logout", func(w http.ResponseWriter, r *http.Request) {
		if who, ok := a.signedIn(r); ok {
			a.auth.LogOut(w, r)
			a.actions.did(who, "logout", "")
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
}

// sessionDoc says who is logged in; User is empty if nobody is, and Users false if nobody can.
type sessionDoc struct {
	Users bool   `json:"users"`
	User  string `json:"user"`
}
