package app

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/ballast-lb/ballast/containers/autoscale"
	"github.com/ballast-lb/ballast/dashboard"
	"github.com/ballast-lb/ballast/internal/telemetry"
)

// pageAct does what a form of the page asks for, and says in words what came of it.
type pageAct func(a *Actions, r *http.Request, who Actor, name string) (string, error)

// pageActRoutes are where the forms of the page are sent. They do what the API does, for who has a session.
func (a *App) pageActRoutes(r chi.Router) {
	for path, do := range map[string]pageAct{
		"/dashboard/act/pools/{name}/scale":        formScale,
		"/dashboard/act/pools/{name}/autoscale":    formAutoscale,
		"/dashboard/act/pools/{name}/limits":       formLimits,
		"/dashboard/act/containers/{name}/drain":   formBackend((*Actions).Drain, "is taken out of rotation: what it has is finished"),
		"/dashboard/act/containers/{name}/undrain": formBackend((*Actions).Undrain, "is given requests again"),
		"/dashboard/act/containers/{name}/restart": formBackend((*Actions).Restart, "is drained and removed, and another clone made"),
	} {
		r.With(a.sameOrigin).Post(path, a.servePageAct(do))
	}
	r.Get("/dashboard/logs/{id}", a.servePageLogs)
}

func (a *App) servePageAct(do pageAct) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, mostBody)
		back := cmp.Or(localPath(r.Referer()), "/")
		who, no := a.pageActor(r)
		if no != nil {
			a.actions.refused(who, r.Method, r.URL.Path, no)
			a.pages.ServeOutcome(w, r, no.Status, dashboard.Outcome{Text: no.Detail, Bad: true, LogIn: no.Status == http.StatusUnauthorized, Back: back})
			return
		}
		text, err := do(a.actions, r, who, chi.URLParam(r, "name"))
		if err != nil {
			no := asRefusal(err)
			a.pages.ServeOutcome(w, r, no.Status, dashboard.Outcome{Text: no.Detail, Bad: true, Back: back})
			return
		}
		a.pages.ServeOutcome(w, r, http.StatusOK, dashboard.Outcome{Text: text, Back: back})
	}
}

// pageActor is who has a session, or why nobody may act.
func (a *App) pageActor(r *http.Request) (Actor, *Refusal) {
	if a.auth == nil {
		return Actor{Client: a.client(r)}, &nobodyMay
	}
	who, ok := a.signedIn(r)
	if !ok {
		return Actor{Client: a.client(r)}, refusal(http.StatusUnauthorized, "unauthenticated", "only who has logged in may do that.")
	}
	return who, nil
}

// localPath is the path and query of a page of ours; empty if it is none.
func localPath(page string) string {
	u, err := url.Parse(page)
	// What begins with two slashes is another host's.
	if err != nil || u.Path == "" || strings.HasPrefix(u.Path, "//") {
		return ""
	}
	return (&url.URL{Path: u.Path, RawQuery: u.RawQuery}).String()
}

// formNumber is a field that holds a number from 0 up; nil if it is empty.
func formNumber(r *http.Request, field string) (*int, error) {
	text := r.PostFormValue(field)
	if text == "" {
		return nil, nil //nolint:nilnil // Empty is no error, and there is no number.
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return nil, refusal(http.StatusBadRequest, "bad-request", "%s: %q is no number from 0 up", field, text)
	}
	return &n, nil
}

func formScale(a *Actions, r *http.Request, who Actor, pool string) (string, error) {
	n, err := formNumber(r, "replicas")
	if err == nil && n == nil {
		err = refusal(http.StatusBadRequest, "bad-request", "replicas: say how many")
	}
	if err != nil {
		return "", a.app.badBody(who, r, err)
	}
	d, err := a.Scale(r.Context(), who, pool, *n)
	return d.Reason, err
}

func formAutoscale(a *Actions, r *http.Request, who Actor, pool string) (string, error) {
	enabled, err := strconv.ParseBool(r.PostFormValue("enabled"))
	if err != nil {
		return "", a.app.badBody(who, r, refusal(http.StatusBadRequest, "bad-request", "enabled: say true or false"))
	}
	d, err := a.Autoscale(r.Context(), who, pool, enabled)
	return d.Reason, err
}

func formLimits(a *Actions, r *http.Request, who Actor, pool string) (string, error) {
	off := autoscale.Off
	l := autoscale.Limits{Min: &off, Max: &off}
	if r.PostFormValue("back") == "" {
		var errs [2]error
		l.Min, errs[0] = formNumber(r, "min")
		l.Max, errs[1] = formNumber(r, "max")
		if err := cmp.Or(errs[0], errs[1]); err != nil {
			return "", a.app.badBody(who, r, err)
		}
	}
	d, err := a.Limits(who, pool, l)
	return d.Reason, err
}

// formBackend does what one container is to be done to; outcome says what becomes of it.
func formBackend(do func(*Actions, Actor, string) (Done, error), outcome string) pageAct {
	return func(a *Actions, _ *http.Request, who Actor, id string) (string, error) {
		d, err := do(a, who, id)
		return d.Name + " " + outcome, err
	}
}

// servePageLogs shows the last lines of a container to who has a session.
func (a *App) servePageLogs(w http.ResponseWriter, r *http.Request) {
	back := cmp.Or(localPath(r.Referer()), "/containers")
	if _, no := a.pageActor(r); no != nil {
		a.pages.ServeOutcome(w, r, no.Status, dashboard.Outcome{Text: no.Detail, Bad: true, LogIn: no.Status == http.StatusUnauthorized, Back: back})
		return
	}
	name := chi.URLParam(r, "id")
	found := telemetry.Match(a.containers(), name)
	if len(found) != 1 || !called(found[0], name) || !found[0].Enabled {
		a.pages.ServeOutcome(w, r, http.StatusNotFound, dashboard.Outcome{Text: "there is no labelled container " + name, Bad: true, Back: back})
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), logLimit)
	defer cancel()
	lines, err := lastLines(a.engine.Logs(ctx, found[0].FullID, logTail))
	if err != nil {
		a.pages.ServeOutcome(w, r, http.StatusBadGateway, dashboard.Outcome{Text: "the engine did not give the logs: " + err.Error(), Bad: true, Back: back})
		return
	}
	text := fmt.Sprintf("The last %d lines of %s:", len(lines), found[0].Name)
	if len(lines) == 0 {
		text = found[0].Name + " has written nothing."
	}
	a.pages.ServeOutcome(w, r, http.StatusOK, dashboard.Outcome{Text: text, Lines: lines, Back: back})
}

// pageContainer is all that is known of the container that is called so; false if there is not just one.
func (a *App) pageContainer(name string) (telemetry.ContainerDetail, bool) {
	in := a.input(time.Now())
	c, err := a.lookUp(in, name)
	if err != nil {
		return telemetry.ContainerDetail{}, false
	}
	return a.detail(in, c), true
}
