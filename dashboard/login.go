package dashboard

import (
	"bytes"
	"net/http"
)

// Login is what the page to log in says. Off says that nobody can, User is who has, and Wrong why somebody could not.
type Login struct {
	Off         bool
	User, Wrong string
}

// ServeLogin answers with the page to log in and out. Its forms are sent to /dashboard/login (user, password) and
// /dashboard/logout.
func (d *Dashboard) ServeLogin(w http.ResponseWriter, status int, v Login) {
	var buf bytes.Buffer
	if err := d.templates.ExecuteTemplate(&buf, "login.html", v); err != nil {
		d.options.Logger.Error().Err(err).Msg("render the page to log in")
		http.Error(w, "the page could not be rendered; the log says why", http.StatusInternalServerError)
		return
	}
	setHeaders(w.Header())
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// A client that has gone is no news.
	_, _ = buf.WriteTo(w)
}
