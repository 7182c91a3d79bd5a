package dashboard

import (
	"bytes"
	"cmp"
	"embed"
	"html/template"
	"net/http"

	"github.com/go-chi/chi/v5"
	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/internal/telemetry"
)

//go:embed templates/*.html
var templates embed.FS

// policy lets the page load from this host alone, and nothing inline. Nobody may frame it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Options are what a Dashboard needs.
type Options struct {
	// Document is asked for at every rendering, from many goroutines.
	Document func() telemetry.Document
	// Features are what is in force for the whole of Ballast, in a few words each, such as
	// "clones are removed at exit". Those of the pools come from the document. It is asked as Document is.
	Features func() []string
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
}

// New makes a dashboard.
func New(o Options) *Dashboard {
	o.LabelPrefix = cmp.Or(o.LabelPrefix, "ballast")
	if o.Features == nil {
		o.Features = func() []string { return nil }
	}
	a := newAssets()
	return &Dashboard{
		options: o,
		assets:  a,
		// The templates are part of the binary: one that does not parse is found by the tests.
		templates: template.Must(template.New("").Funcs(template.FuncMap{"asset": a.path}).
			ParseFS(templates, "templates/*.html")),
	}
}

// Register adds the dashboard's routes: /, /dashboard/fragment and /assets/.
func (d *Dashboard) Register(r chi.Router) {
	r.Group(func(r chi.Router) {
		r.Use(headers)
		for path, h := range map[string]http.HandlerFunc{
			"/":                   d.render("page.html"),
			"/dashboard/fragment": d.render("fragment.html"),
			"/assets/{name}":      d.assets.serve,
		} {
			r.Get(path, h)
			r.Head(path, h)
		}
	})
}

// headers are set on everything the dashboard answers, errors too.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

func (d *Dashboard) render(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		doc := d.options.Document()
		page := newPage(doc, d.shares.observe(doc))
		page.Features = d.options.Features()
		page.LabelPrefix, page.Host = d.options.LabelPrefix, r.Host
		// Into a buffer first: a page that breaks off in the middle would pass for a whole one.
		var buf bytes.Buffer
		if err := d.templates.ExecuteTemplate(&buf, name, page); err != nil {
			d.options.Logger.Error().Err(err).Str("template", name).Msg("render dashboard")
			http.Error(w, "the dashboard could not be rendered; the log says why", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		// A client that has gone is no news.
		_, _ = buf.WriteTo(w)
	}
}
