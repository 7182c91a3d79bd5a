package app

import (
	_ "embed"
	"net/http"
)

// openapi describes what programs read at the admin listener. openapi_test.go holds it true.
//
//go:embed openapi.yaml
var openapi []byte

func serveOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	// A client that has gone is no news.
	_, _ = w.Write(openapi)
}
