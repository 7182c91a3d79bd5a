package main

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"time"
)

// apiVersion is the oldest that the real ones still speak and Ballast asks for.
const apiVersion = "1.44"

const containerID = "hostile000000000000000000000000000000000000000000000000000000000"

// startEngine serves as much of Docker's API as Ballast asks for, with one container: the backend, at a loopback address.
// So that all of Ballast is under attack as it is, and no Docker is needed.
func startEngine(ctx context.Context, socket, origin string) (*http.Server, error) {
	_ = os.Remove(socket) // That of the stage before.
	l, err := listen(ctx, "unix", socket)
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(origin)
	if err != nil {
		return nil, err
	}
	labels := map[string]string{"ballast.enable": "true", "ballast.health.path": "/health"}
	began := time.Now().UTC().Format(time.RFC3339Nano)
	mux := http.NewServeMux()
	answer := func(path string, value any) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(value) // It has left, then.
		})
	}
	answer("/info", map[string]any{"ServerVersion": "hostile", "SystemTime": began, "OSType": "linux"})
	answer("/containers/json", []any{map[string]any{
		"Id": containerID, "Names": []string{"/origin"}, "Image": "origin", "Labels": labels, "State": "running",
	}})
	answer("/containers/"+containerID+"/json", map[string]any{
		"Id": containerID, "Name": "/origin",
		"State":      map[string]any{"Status": "running", "Running": true, "StartedAt": began},
		"Config":     map[string]any{"Image": "origin", "Labels": labels, "ExposedPorts": map[string]any{port + "/tcp": map[string]any{}}},
		"HostConfig": map[string]any{"NetworkMode": "host"},
	})
	mux.HandleFunc("GET /events", func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done() // Nothing ever happens.
	})
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", apiVersion)
		if r.URL.Path != "/_ping" {
			http.StripPrefix("/v"+apiVersion, mux).ServeHTTP(w, r)
		}
	})}
	go func() { _ = server.Serve(l) }() // Until it is closed.
	return server, nil
}
