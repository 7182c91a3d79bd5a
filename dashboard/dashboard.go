package dashboard

import (
	"bytes"
	"cmp"
	"embed"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/internal/history"
	"github.com/ballast-lb/ballast/internal/telemetry"
)

//go:embed templates/*.html
var templates embed.FS

// policy lets the page load from this host alone, and nothing inline. Nobody may frame it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
	"connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// Options are what a Dashboard needs.
type Options struct {
	// Document is asked for at every rendering, from many goroutines.
	Document func() telemetry.Document
	// Features are what is in force for the whole of Ballast, in a few words each, such as
	// "clones are removed at exit". Those of the pools come from the document. It is asked as Document is.
	Features func() []string
	// Listeners are what traffic comes by, such as "HTTP :80".
	Listeners func() []string
	// Containers are all that the engine has, asked as Document is.
	Containers func() []telemetry.ContainerDoc
	// Container is the one that is called so, as ballast why finds it; false if there is none, or not just one.
	Container func(name string) (telemetry.ContainerDetail, bool)
	// Changes are those of all containers since then, the newest first.
	Changes func(since time.Time) []history.Event
	// History is the last minutes of a pool; false if there is none.
	History func(pool string) (history.Series, bool)
	// MayAct says that there are people who may act: else the pages say how to have some.
	MayAct bool
	// LabelPrefix is shown in the example of the empty page; "ballast" if empty.
	LabelPrefix string
	Logger      zerolog.Logger
}

// Dashboard serves the page. It is safe for concurrent use.
type Dashboard struct {
	options   Options
	templates *template.Template
	assets    *assets
	shares    shares
	hub       *hub
}

// New makes a dashboard.
func New(o Options) *Dashboard {
	o.LabelPrefix = cmp.Or(o.LabelPrefix, "ballast")
	if o.Features == nil {
		o.Features = func() []string { return nil }
	}
	if o.Listeners == nil {
		o.Listeners = func() []string { return nil }
	}
	if o.Containers == nil {
		o.Containers = func() []telemetry.ContainerDoc { return nil }
	}
	if o.Container == nil {
		o.Container = func(string) (telemetry.ContainerDetail, bool) { return telemetry.ContainerDetail{}, false }
	}
	if o.Changes == nil {
		o.Changes = func(time.Time) []history.Event { return nil }
	}
	if o.History == nil {
		o.History = func(string) (history.Series, bool) { return history.Series{}, false }
	}
	a := newAssets()
	d := &Dashboard{
		options: o,
		assets:  a,
		// The templates are part of the binary: one that does not parse is found by the tests.
		templates: template.Must(template.New("").Funcs(template.FuncMap{"asset": a.path}).
			ParseFS(templates, "templates/*.html")),
	}
	d.hub = newHub(d.draw)
	return d
}

// Close ends all streams, at once and for ever: what is drawn already stays readable.
func (d *Dashboard) Close() { d.hub.close() }

// Register adds the dashboard's routes: its pages, their stream and /assets/.
func (d *Dashboard) Register(r chi.Router) {
	r.With(headers).Get("/dashboard/stream", d.serveStream)
	r.Group(func(r chi.Router) {
		r.Use(headers, middleware.Compress(5, "text/html", "text/css", "text/javascript", "image/svg+xml"))
		for path, h := range map[string]http.HandlerFunc{
			"/": d.servePage, "/pools/{pool}": d.servePage, "/containers": d.servePage, "/containers/{container}": d.servePage,
			"/decisions": d.servePage, "/dashboard/charts/{pool}": d.serveChart, "/assets/{name}": d.assets.serve,
		} {
			r.Get(path, h)
			r.Head(path, h)
		}
	})
}

// headers are set on everything the dashboard answers, errors too.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setHeaders(w.Header())
		next.ServeHTTP(w, r)
	})
}

func setHeaders(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	// Not no-referrer: with that browsers send "Origin: null" with forms, which can't be told from another site's.
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// draw draws a page for the stream.
func (d *Dashboard) draw(host, page string) (*drawn, error) {
	return draw(d.templates, d.sheet(parse(host, page)))
}

// entry is one of the navigation.
type entry struct {
	Path, Name string
	Here       bool
}

func entries(nav string) []entry {
	return []entry{
		{"/", "Overview", nav == "/"},
		{"/containers", "Containers", nav == "/containers"},
		{"/decisions", "Decisions", nav == "/decisions"},
	}
}

func (d *Dashboard) servePage(w http.ResponseWriter, r *http.Request) {
	page := r.URL.RequestURI()
	s := d.sheet(parse(r.Host, page))
	status := http.StatusOK
	if s.Missing {
		status = http.StatusNotFound
	}
	d.serveSheet(w, status, s, page)
}

// serveSheet answers with a page; what changes of it comes from the stream of the page of that path.
func (d *Dashboard) serveSheet(w http.ResponseWriter, status int, s sheet, path string) {
	var buf, middle bytes.Buffer
	page, err := draw(d.templates, s)
	if err == nil {
		err = d.templates.ExecuteTemplate(&middle, page.layout, page)
	}
	if err == nil {
		stream := ""
		if !s.Still && !s.Missing {
			stream = d.streamPath(path, page.layout)
		}
		err = d.templates.ExecuteTemplate(&buf, "page", struct {
			Title, Stream string
			Still         bool
			Nav           []entry
			Page          *drawn
			Middle        template.HTML
		}{
			page.title, stream, s.Still, entries(page.nav), page,
			template.HTML(middle.String()), //nolint:gosec // Drawn by a template, which escaped it.
		})
	}
	if err != nil {
		d.failed(w, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// A client that has gone is no news.
	_, _ = buf.WriteTo(w)
}

// streamPath is where the changes of a page come from. It names the version of the assets and the layout, so that a page that
// an older Ballast made, or that is about something that has gone since, is told to load anew.
func (d *Dashboard) streamPath(page, layout string) string {
	return "/dashboard/stream?" + url.Values{"page": {page}, "layout": {layout}, "v": {d.assets.version}}.Encode()
}

func (d *Dashboard) serveStream(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if query.Get("v") != d.assets.version {
		sendOutdated(w)
		return
	}
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Type", "text/event-stream")
		return
	}
	switch err := d.hub.serve(w, r, parse(r.Host, query.Get("page")).String(), query.Get("layout")); {
	case errors.Is(err, errTooManyViewers):
		w.Header().Set("Retry-After", "5")
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	case err != nil:
		d.failed(w, err)
	}
}

func (d *Dashboard) failed(w http.ResponseWriter, err error) {
	d.options.Logger.Error().Err(err).Msg("render dashboard")
	http.Error(w, "the dashboard could not be rendered; the log says why", http.StatusInternalServerError)
}
