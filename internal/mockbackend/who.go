package mockbackend

import (
	"encoding/json"
	"html/template"
	"net/http"
	"strings"
)

// Who is the JSON that / answers with.
type Who struct {
	// Container is the backend's name.
	Container string `json:"container"`
	ID        string `json:"id,omitempty"`
	Weight    int    `json:"weight"`
	// Count numbers the requests that this backend worked on, from 1.
	Count int64 `json:"count"`
	// InFlight counts the requests that it has, this one included.
	InFlight int64  `json:"in_flight"`
	Path     string `json:"path"`
	Query    string `json:"query,omitempty"`
}

var page = template.Must(template.New("who").Parse(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>{{.Container}}</title>
</head>
<body>
<h1>{{.Container}}</h1>
<p>answered request {{.Count}} for {{.Path}}. Weight {{.Weight}}, {{.InFlight}} in flight.</p>
</body>
</html>
`))

func (b *backend) who(w http.ResponseWriter, r *http.Request, count int64) {
	who := Who{
		Container: b.options.Name,
		ID:        b.options.ID,
		Weight:    b.options.Weight,
		Count:     count,
		InFlight:  b.inFlight.Load(),
		Path:      r.URL.EscapedPath(),
		Query:     r.URL.RawQuery,
	}
	w.Header().Set("Vary", "Accept")
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = page.Execute(w, who) // fails only when the client is gone
		return
	}
	writeJSON(w, http.StatusOK, who)
}

// writeJSON ignores a failed write: the client is gone, and the server ends the connection.
func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
