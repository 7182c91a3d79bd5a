package app

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/ballast-lb/ballast/internal/telemetry"
	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/health"
	"github.com/ballast-lb/ballast/proxy/nethttp"
)

// serveContainer answers all that is known of one container, also for a while of one that is gone.
func (a *App) serveContainer(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	in := a.input(now)
	c, ok := a.findContainer(w, r, in)
	if !ok {
		return
	}
	writeJSON(w, http.StatusOK, a.detail(in, c))
}

func (a *App) detail(in telemetry.Input, c telemetry.ContainerDoc) telemetry.ContainerDetail {
	return telemetry.NewContainerDetail(in, telemetry.Past{
		Checked: func(b proxy.BackendReport) (health.Checked, bool) { return a.prober.Last(b.Identity) },
		History: a.lives.Of,
	}, c)
}

// errNone is why lookUp finds no container, several why it finds too many.
var errNone = errors.New("no container is called so")

type several []telemetry.ContainerDoc

func (s several) Error() string { return fmt.Sprintf("%d containers are called so", len(s)) }

// lookUp finds a container as ballast why does: by its name or ID, or the beginning of one, and those that are there before
// those that are gone. Its error is errNone or several.
func (a *App) lookUp(in telemetry.Input, name string) (telemetry.ContainerDoc, error) {
	present := telemetry.NewContainers(in)
	var gone []telemetry.ContainerDoc
	for _, l := range a.lives.Left(in.Now) {
		gone = append(gone, telemetry.GoneContainer(l))
	}
	found := telemetry.Match(present, name)
	// One of just that name that has left is meant rather than one whose name begins so.
	if left := telemetry.Match(gone, name); len(found) == 0 || !called(found[0], name) && len(left) > 0 && called(left[0], name) {
		found = left
	}
	switch len(found) {
	case 0:
		return telemetry.ContainerDoc{}, errNone
	case 1:
		return found[0], nil
	}
	return telemetry.ContainerDoc{}, several(found)
}

// ambiguity is the answer to who asks for a container by what several are called.
type ambiguity struct {
	proxy.Problem
	Containers []reference `json:"containers"`
}

// reference names a container.
type reference struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// called says that a container has just that name or ID.
func called(c telemetry.ContainerDoc, name string) bool { return c.Name == name || c.FullID == name }

// findContainer finds the container that the path names, see lookUp. If there is not just one it has answered, and is not ok.
func (a *App) findContainer(w http.ResponseWriter, r *http.Request, in telemetry.Input) (telemetry.ContainerDoc, bool) {
	c, err := a.lookUp(in, chi.URLParam(r, "id"))
	var many several
	switch {
	case err == nil:
		return c, true
	case !errors.As(err, &many):
		nethttp.Problem(w, http.StatusNotFound, "no-such-container", "the engine has no container of this name or ID: see /api/v1/containers")
		return c, false
	}
	const slug = "ambiguous"
	all := ambiguity{Problem: proxy.NewProblem(http.StatusConflict, slug, http.StatusText(http.StatusConflict), "several containers are called so: name one of them")}
	for _, c := range many {
		all.Containers = append(all.Containers, reference{c.FullID, c.Name})
	}
	w.Header().Set("X-Ballast-Error", slug)
	writeAs(w, all.Status, "application/problem+json", all)
	return c, false
}
