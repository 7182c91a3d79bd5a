package fakedaemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// version is of the API, Docker 20.10's; serverVersion is the daemon's own.
const (
	version       = "1.41"
	serverVersion = "20.10.24-fake"
)

var noAddress netip.Addr

// apiError is refused with a status.
type apiError struct {
	status  int
	message string
}

func (e *apiError) Error() string { return e.message }

// errUnchanged says that there was nothing to do.
var errUnchanged = &apiError{http.StatusNotModified, "not modified"}

func notFound(format string, args ...any) error {
	return &apiError{http.StatusNotFound, fmt.Sprintf(format, args...)}
}

func conflict(format string, args ...any) error {
	return &apiError{http.StatusConflict, fmt.Sprintf(format, args...)}
}

func internal(format string, args ...any) error {
	return &apiError{http.StatusInternalServerError, fmt.Sprintf(format, args...)}
}

// refuse answers with an error as the daemon writes it.
func refuse(w http.ResponseWriter, status int, message string) {
	answer(w, status, map[string]string{"message": message})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// conclude answers a call that returns nothing.
func conclude(w http.ResponseWriter, err error) {
	var refused *apiError
	switch {
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
	case errors.Is(err, errUnchanged):
		w.WriteHeader(http.StatusNotModified)
	case errors.As(err, &refused):
		refuse(w, refused.status, refused.message)
	default:
		refuse(w, http.StatusInternalServerError, err.Error())
	}
}

var versioned = regexp.MustCompile(`^/v1\.(\d+)/`)

func (d *Daemon) api() http.Handler {
	mux := http.NewServeMux()
	route := func(pattern string, op Op, f http.HandlerFunc) { mux.HandleFunc(pattern, d.faulty(op, f)) }
	act := func(pattern string, op Op, f func(r *http.Request, id string) error) {
		route(pattern, op, func(w http.ResponseWriter, r *http.Request) { conclude(w, f(r, r.PathValue("id"))) })
	}
	route("GET /_ping", OpPing, ping) // And HEAD.
	route("GET /version", OpVersion, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]string{"Version": serverVersion, "ApiVersion": version, "Os": "linux", "Arch": runtime.GOARCH})
	})
	route("GET /info", OpInfo, d.info)
	route("GET /events", OpEvents, d.events)
	route("GET /images/{name...}", OpImage, d.inspectImage)
	route("GET /containers/json", OpList, d.list)
	route("POST /containers/create", OpCreate, d.createContainer)
	route("GET /containers/{id}/json", OpInspect, d.inspect)
	route("GET /containers/{id}/stats", OpStats, d.stats)
	route("GET /containers/{id}/logs", OpLogs, d.logs)
	act("POST /containers/{id}/start", OpStart, func(_ *http.Request, id string) error { return d.Start(id) })
	act("POST /containers/{id}/stop", OpStop, func(r *http.Request, id string) error {
		return d.stop(r.Context(), id, seconds(r.URL.Query().Get("t")))
	})
	act("POST /containers/{id}/pause", OpPause, func(_ *http.Request, id string) error { return d.Pause(id) })
	act("POST /containers/{id}/unpause", OpUnpause, func(_ *http.Request, id string) error { return d.Unpause(id) })
	act("POST /containers/{id}/kill", OpKill, func(r *http.Request, id string) error {
		return d.Kill(id, signalNumber(r.URL.Query().Get("signal")))
	})
	act("POST /containers/{id}/rename", OpRename, func(r *http.Request, id string) error {
		return d.Rename(id, r.URL.Query().Get("name"))
	})
	act("DELETE /containers/{id}", OpRemove, func(r *http.Request, id string) error {
		return d.Remove(id, truth(r.URL.Query().Get("force")))
	})
	act("POST /networks/{id}/connect", OpConnect, func(r *http.Request, n string) error { return attach(r, n, d.Connect) })
	act("POST /networks/{id}/disconnect", OpDisconnect, func(r *http.Request, n string) error { return attach(r, n, d.Disconnect) })

	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if m := versioned.FindStringSubmatch(r.URL.Path); m != nil {
			if "1."+m[1] != version {
				refuse(w, http.StatusBadRequest, "client version 1."+m[1]+" is not supported")
				return
			}
			r.URL.Path = strings.TrimPrefix(r.URL.Path, "/v"+version)
		}
		mux.ServeHTTP(w, r)
	})
}

func ping(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Api-Version", version)
	w.Header().Set("Ostype", "linux")
	_, _ = io.WriteString(w, "OK")
}

func (d *Daemon) info(w http.ResponseWriter, _ *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	answer(w, http.StatusOK, map[string]any{
		"ServerVersion": serverVersion, "SystemTime": d.now().Format(time.RFC3339Nano),
		"OperatingSystem": "fake", "OSType": "linux", "NCPU": 1, "MemTotal": memory, "Containers": len(d.containers),
	})
}

func (d *Daemon) inspectImage(w http.ResponseWriter, r *http.Request) {
	reference, ok := strings.CutSuffix(r.PathValue("name"), "/json")
	id := d.image(reference)
	if !ok || id == "" {
		refuse(w, http.StatusNotFound, "No such image: "+reference)
		return
	}
	answer(w, http.StatusOK, map[string]any{"Id": id, "Config": map[string]any{}})
}

func (d *Daemon) createContainer(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	var asked created
	if err := asked.parse(text); err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	id, err := d.create(r.URL.Query().Get("name"), asked)
	if err != nil {
		conclude(w, err)
		return
	}
	answer(w, http.StatusCreated, map[string]any{"Id": id, "Warnings": []string{}})
}

func (d *Daemon) list(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := truth(r.URL.Query().Get("all"))
	found := []map[string]any{}
	for _, c := range d.containers {
		if !all && !c.alive() {
			continue
		}
		found = append(found, map[string]any{
			"Id": c.id, "Names": []string{"/" + c.name}, "Image": c.Image, "ImageID": c.imageID,
			"Labels": c.Labels, "State": c.state, "Created": c.made.Unix(),
		})
	}
	answer(w, http.StatusOK, found)
}

func (d *Daemon) inspect(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, err := d.find(r.PathValue("id"))
	if err != nil {
		conclude(w, err)
		return
	}
	state := map[string]any{
		"Status": c.state, "Running": c.alive(), "Paused": c.state == "paused", "ExitCode": c.exitCode,
		"StartedAt": written(c.startedAt), "FinishedAt": written(c.finishedAt),
	}
	if c.health != "" {
		state["Health"] = map[string]any{"Status": c.health}
	}
	networks := make(map[string]any)
	for _, e := range c.endpoints {
		address := ""
		if e.address.IsValid() {
			address = e.address.String()
		}
		networks[e.name] = map[string]any{"NetworkID": e.network.id, "IPAddress": address}
	}
	ports := make(map[string]any)
	if c.alive() {
		for port := range c.ExposedPorts {
			ports[port] = nil
		}
	}
	answer(w, http.StatusOK, map[string]any{
		"Id": c.id, "Name": "/" + c.name, "Image": c.imageID, "Created": written(c.made), "State": state,
		"Config": c.config, "HostConfig": c.host, "NetworkSettings": map[string]any{"Networks": networks, "Ports": ports},
	})
}

// memory is what a container uses at most, in bytes.
const memory = 1 << 30

// stats sends a sample a second, and blanks for a container that does not run.
func (d *Daemon) stats(w http.ResponseWriter, r *http.Request) {
	samples := json.NewEncoder(w)
	for begun := false; ; begun = true {
		d.mu.Lock()
		c, err := d.find(r.PathValue("id"))
		sample := map[string]any{"read": time.Time{}}
		if err == nil && c.alive() {
			now := d.now()
			sample = map[string]any{
				"read":         now,
				"cpu_stats":    map[string]any{"cpu_usage": map[string]any{"total_usage": now.Sub(c.startedAt) / 10}, "online_cpus": 1},
				"memory_stats": map[string]any{"usage": memory / 16, "limit": memory},
			}
		}
		d.mu.Unlock()
		if err != nil {
			if !begun {
				conclude(w, err)
			}
			return
		}
		_ = samples.Encode(sample)
		_ = http.NewResponseController(w).Flush()
		if r.URL.Query().Get("stream") == "0" || !d.wait(r.Context(), time.Second) {
			return
		}
	}
}

func attach(r *http.Request, network string, f func(network, id string) error) error {
	var body struct{ Container string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return &apiError{http.StatusBadRequest, err.Error()}
	}
	return f(network, body.Container)
}

// written is a time as Docker writes it: year 1 for never.
func written(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// parseTime reads seconds with a fraction.
func parseTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	whole, fraction, _ := strings.Cut(s, ".")
	at, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return time.Time{}, err
	}
	nanos, err := strconv.ParseInt((fraction + "000000000")[:9], 10, 64)
	return time.Unix(at, nanos), err
}

func truth(s string) bool { return s == "1" || s == "true" }

// seconds is a stop's timeout, Docker's own if it is not given.
func seconds(s string) time.Duration {
	n, err := strconv.Atoi(s)
	if err != nil {
		n = 10
	}
	return time.Duration(n) * time.Second
}

// signalNumber reads a number, or one of the two names that ask a container to end.
func signalNumber(s string) int {
	switch strings.TrimPrefix(s, "SIG") {
	case "", "KILL":
		return signalKill
	case "TERM":
		return signalTerm
	}
	n, _ := strconv.Atoi(s)
	return n
}
