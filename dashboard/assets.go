package dashboard

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
	"time"

	"github.com/go-chi/chi/v5"
)

//go:embed assets/*.css assets/*.js assets/*.svg
var assetFiles embed.FS

// kinds are stated here because mime.TypeByExtension differs from host to host.
var kinds = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

// asset is one file of the page.
type asset struct {
	content []byte
	kind    string
	// version is the start of the content's sha256.
	version string
}

// assets are the files that the page loads, by name; they never change while the process runs.
type assets struct {
	files map[string]asset
	// version is that of all of them.
	version string
}

func newAssets() *assets {
	a := &assets{files: make(map[string]asset)}
	entries, err := assetFiles.ReadDir("assets")
	if err != nil {
		panic(err) // an embedded directory is always readable
	}
	all := sha256.New()
	for _, e := range entries {
		content, err := assetFiles.ReadFile(path.Join("assets", e.Name()))
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(content)
		all.Write(sum[:])
		a.files[e.Name()] = asset{
			content: content,
			kind:    kinds[path.Ext(e.Name())],
			version: hex.EncodeToString(sum[:8]),
		}
	}
	a.version = hex.EncodeToString(all.Sum(nil)[:8])
	return a
}

// path is where the page finds a file. It names the version, so browsers may keep it for ever.
func (a *assets) path(name string) string {
	return "/assets/" + name + "?v=" + a.files[name].version
}

func (a *assets) serve(w http.ResponseWriter, r *http.Request) {
	f, ok := a.files[chi.URLParam(r, "name")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("ETag", `"`+f.version+`"`)
	h.Set("Cache-Control", "no-cache")
	if r.URL.Query().Get("v") == f.version {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.content))
}
