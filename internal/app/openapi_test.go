package app

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
	"github.com/go-chi/chi/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/ballast-lb/ballast/containers/autoscale"
	"github.com/ballast-lb/ballast/engine"
	"github.com/ballast-lb/ballast/engine/docker/fakedaemon"
	"github.com/ballast-lb/ballast/internal/config"
)

// contract is openapi.yaml, to which answers are held: all of its objects are closed, so that what it does not have fails.
type contract struct {
	t      *testing.T
	doc    *openapi3.T
	router routers.Router
	// seen are the answers that were held to it, as answers writes them.
	seen map[string]bool
}

// streamed are the events whose data is described, with the schema of each.
var streamed = map[string]string{"decision": "Decision", "backend": "BackendEvent", "engine": "Engine"}

func newContract(t *testing.T, text []byte) *contract {
	t.Helper()
	published, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := published.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(published)
	if err != nil {
		t.Fatal(err)
	}
	var tree map[string]any
	if err := json.Unmarshal(raw, &tree); err != nil {
		t.Fatal(err)
	}
	schemas := tree["components"].(map[string]any)["schemas"].(map[string]any)
	for kind, name := range streamed {
		schemas["event."+kind] = map[string]any{"$ref": schemaRef + name}
	}
	closeObjects(tree)
	for name, schema := range schemas {
		if !strings.HasPrefix(name, "event.") { // What refers to it has it closed, for it may be a part of another.
			delete(schema.(map[string]any), "unevaluatedProperties")
		}
	}
	if raw, err = json.Marshal(tree); err != nil {
		t.Fatal(err)
	}
	c := &contract{t: t, seen: map[string]bool{}}
	if c.doc, err = openapi3.NewLoader().LoadFromData(raw); err != nil {
		t.Fatal(err)
	}
	c.doc.Servers = nil // Any will do.
	if c.router, err = legacy.NewRouter(c.doc); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"text/event-stream", "application/openmetrics-text"} {
		openapi3filter.RegisterBodyDecoder(kind, openapi3filter.PlainBodyDecoder)
		t.Cleanup(func() { openapi3filter.UnregisterBodyDecoder(kind) })
	}
	return c
}

const schemaRef = "#/components/schemas/"

// closeObjects lets objects have what their schemas have, and nothing else. Clients are to ignore what they do not know, so the
// file itself does not say so.
func closeObjects(node any) {
	switch n := node.(type) {
	case []any:
		for _, v := range n {
			closeObjects(v)
		}
	case map[string]any:
		for k, v := range n {
			if k != "allOf" { // Its parts are not the whole object.
				closeObjects(v)
			}
		}
		if ref, _ := n["$ref"].(string); strings.HasPrefix(ref, schemaRef) {
			delete(n, "$ref")
			n["allOf"], n["unevaluatedProperties"] = []any{map[string]any{"$ref": ref}}, false
		} else if _, ok := n["properties"].(map[string]any); ok && n["additionalProperties"] == nil {
			n["unevaluatedProperties"] = false
		}
	}
}

// answers are all that the file has, as "GET /health/ready 503 application/json".
func (c *contract) answers() (all []string) {
	for path, item := range c.doc.Paths.Map() {
		for method, op := range item.Operations() {
			for status, r := range op.Responses.Map() {
				for kind := range r.Value.Content {
					all = append(all, strings.Join([]string{method, path, status, kind}, " "))
				}
			}
		}
	}
	slices.Sort(all)
	return all
}

// hold holds an answer to the file, and the request as well: it is what the file has unless the answer is a 400.
func (c *contract) hold(req *http.Request, sent string, resp *http.Response, body []byte) {
	c.t.Helper()
	name := req.Method + " " + req.URL.Path + " " + sent + " = " + resp.Status
	route, params, err := c.router.FindRoute(req)
	if err != nil {
		c.t.Errorf("%s: %v", name, err)
		return
	}
	req.Body = io.NopCloser(strings.NewReader(sent))
	in := &openapi3filter.RequestValidationInput{
		Request: req, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	}
	if err := openapi3filter.ValidateRequest(c.t.Context(), in); (err != nil) != (resp.StatusCode == http.StatusBadRequest) {
		c.t.Errorf("%s, but the file says of the request: %v", name, err)
	}
	err = openapi3filter.ValidateResponse(c.t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: resp.StatusCode, Header: resp.Header, Body: io.NopCloser(bytes.NewReader(body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	})
	if err != nil {
		c.t.Errorf("%s is not what the file has: %v\n%.2000s", name, err, body)
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	c.seen[fmt.Sprintf("%s %s %d %s", route.Method, route.Path, resp.StatusCode, kind)] = true
}

// call is a request, as anna unless it has an Authorization, and the status that it is to be answered with.
type call struct {
	method, path, body string
	status             int
	header             []string
}

func (c call) request(t *testing.T, base string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), c.method, base+c.path, strings.NewReader(c.body))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("anna", "sesame")
	if c.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(c.header); i += 2 {
		req.Header.Set(c.header[i], c.header[i+1])
	}
	return req
}

// send sends a request, holds the answer to the file and returns its status.
func (c *contract) send(r *running, call call) int {
	c.t.Helper()
	req := call.request(c.t, r.base)
	resp, err := r.client.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	c.hold(req, call.body, resp, body)
	return resp.StatusCode
}

// calls sends requests and holds the answers to the file.
func (c *contract) calls(r *running, all ...call) {
	c.t.Helper()
	for _, call := range all {
		if status := c.send(r, call); status != call.status {
			c.t.Errorf("%s %s %s = %d, want %d", call.method, call.path, call.body, status, call.status)
		}
	}
}

// wrongly sends a wrong password until there were too many: after ten, and one each 6 s.
func (c *contract) wrongly(r *running, method, path, body string) {
	c.t.Helper()
	call := call{method: method, path: path, body: body, header: []string{"Authorization", "Basic YW5uYTp4"}}
	for range 30 {
		if status := c.send(r, call); status == http.StatusTooManyRequests {
			return
		}
	}
	c.t.Errorf("%s %s: 30 wrong passwords are not too many", method, path)
}

// stream reads events until each kind has come, and holds their data to the file.
func (c *contract) stream(r *running) {
	c.t.Helper()
	req := call{method: http.MethodGet, path: "/api/v1/events", header: []string{"Last-Event-Id", "another-1"}}.request(c.t, r.base)
	resp, err := r.client.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	var text bytes.Buffer
	in, kind := bufio.NewScanner(io.TeeReader(resp.Body, &text)), ""
	for left := maps.Clone(streamed); len(left) > 0; {
		if !in.Scan() {
			c.t.Fatalf("the stream ended (%v) before there was one of %v", in.Err(), left)
		}
		if k, ok := strings.CutPrefix(in.Text(), "event: "); ok {
			kind = k
		}
		data, ok := strings.CutPrefix(in.Text(), "data: ")
		if !ok {
			continue
		}
		delete(left, kind)
		var v any
		if err := json.Unmarshal([]byte(data), &v); err != nil {
			c.t.Fatal(err)
		}
		schema := c.doc.Components.Schemas["event."+kind]
		if schema == nil {
			c.t.Fatalf("the file does not know the event %s", kind)
		}
		if err := schema.Value.VisitJSON(v, openapi3.EnableJSONSchema2020()); err != nil {
			c.t.Errorf("event %s %s is not what the file has: %v", kind, data, err)
		}
	}
	c.hold(req, "", resp, text.Bytes())
}

// actions are the paths that act on what is not there, each with a body that is right.
var actions = map[string]string{
	"/api/v1/pools/none/scale": `{"replicas":4}`, "/api/v1/pools/none/autoscale": `{"enabled":true}`, "/api/v1/pools/none/limits": `{"max":9}`,
	"/api/v1/backends/none/drain": "", "/api/v1/backends/none/undrain": "", "/api/v1/backends/none/restart": "",
}

const logsPath = "/api/v1/containers/web-a/logs"

// Every answer that the file has is given, and none is given that it does not have.
func TestOpenAPI_answers(t *testing.T) {
	d := startDaemon(t)
	r, _ := acting(t)
	_, text := r.get("/api/v1/openapi.yaml")
	c := newContract(t, []byte(text))

	answersOfReading(c, r)
	answersOfActing(c, r)
	answersWithoutEngine(c, d, r.app.config.UsersFile)
	r.stop()
	if err := r.end(); err != nil {
		t.Errorf("Run() = %v, want nil", err)
	}
	// What is asked while it ends.
	for path, body := range map[string]string{
		scale: `{"replicas":4}`, pause: `{"enabled":false}`, limits: `{"max":9}`, "/api/v1/backends/web-a/restart": "",
	} {
		req, w := call{method: http.MethodPost, path: path, body: body}.request(t, r.base), httptest.NewRecorder()
		req.RemoteAddr = "127.0.0.2:1" // 127.0.0.1 has sent too many wrong passwords.
		r.app.routes(r.app.admin.front).ServeHTTP(w, req)
		if w.Code != http.StatusServiceUnavailable {
			t.Errorf("POST %s = %d %s, want 503", path, w.Code, w.Body)
		}
		c.hold(req, body, w.Result(), w.Body.Bytes())
	}
	if diff := cmp.Diff(c.answers(), slices.Sorted(maps.Keys(c.seen))); diff != "" {
		t.Errorf("answers (-in the file +given):\n%s", diff)
	}
}

func answersOfReading(c *contract, r *running) {
	c.t.Helper()
	if _, err := r.app.engine.Create(c.t.Context(), engine.Spec{Name: "db", Template: "web-a"}); err != nil {
		c.t.Fatal(err)
	}
	r.until("db is known", func() bool { _, body := r.get("/api/v1/containers"); return strings.Contains(body, `"db"`) })
	r.until("a check has ended", func() bool { return r.container("web-a").Checks.Active != nil })
	for range 7 {
		r.get("/lb")
	}
	get := func(path string, status int, header ...string) {
		c.t.Helper()
		c.calls(r, call{method: http.MethodGet, path: path, status: status, header: header})
	}
	for _, path := range []string{"/metrics", "/prometheus"} {
		get(path, 200, "Accept", "text/plain")
		get(path, 200, "Accept", "application/openmetrics-text")
	}
	for _, path := range []string{
		"/metrics", "/health", "/health/live", "/health/ready", "/api/v1/openapi.yaml", "/api/v1/pools", "/api/v1/pools/default",
		"/api/v1/pools/default/history", "/api/v1/pools/default/trace", "/api/v1/containers", "/api/v1/containers/web-a", "/api/v1/containers/db",
		logsPath, logsPath + "?tail=1", "/api/v1/decisions", "/api/v1/decisions?pool=none",
	} {
		get(path, 200)
	}
	for _, path := range []string{"/api/v1/pools/none", "/api/v1/pools/none/history", "/api/v1/pools/none/trace", "/api/v1/containers/none", "/api/v1/containers/none/logs"} {
		get(path, 404)
	}
	for _, path := range []string{"/api/v1/pools/default/history?since=noon", logsPath + "?tail=0"} {
		get(path, 400)
	}
	for _, path := range []string{"/api/v1/containers/web", "/api/v1/containers/web/logs"} {
		get(path, 409)
	}
	get("/api/v1/containers/db/logs", 403)
	get(logsPath, 401, "Authorization", "")
	for path := range actions { // It is no answer of the path's.
		if resp, _ := r.get(path); resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != http.MethodPost {
			c.t.Errorf("GET %s = %s, Allow %q, want 405 and POST", path, resp.Status, resp.Header.Get("Allow"))
		}
	}
	var many []io.Closer
	for r.app.events.Listeners() < 256 {
		resp, err := r.client.Get(r.base + "/api/v1/events")
		if err != nil {
			c.t.Fatal(err)
		}
		many = append(many, resp.Body)
	}
	get("/api/v1/events", 503)
	for _, one := range many {
		one.Close()
	}
	r.until("nobody listens", func() bool { return r.app.events.Listeners() == 0 })
}

func answersOfActing(c *contract, r *running) {
	c.t.Helper()
	post := func(path, body string, status int, header ...string) {
		c.t.Helper()
		c.calls(r, call{http.MethodPost, path, body, status, header})
	}
	clone := func() string {
		for _, b := range r.pool().Backends {
			if b.Clone && b.State == "ready" {
				return b.Name
			}
		}
		return ""
	}
	post(limits, `{"min":3,"max":null}`, 200)
	post(scale, `{"replicas":5}`, 200)
	r.until("five are ready", func() bool { return r.ready() == 5 && clone() != "" })
	post("/api/v1/backends/"+clone()+"/restart", "", 200)
	post("/api/v1/backends/web-a/drain", "", 200)
	post(pause, `{"enabled":false}`, 200)
	// With all that people can have set.
	c.calls(r, call{method: http.MethodGet, path: "/metrics", status: 200}, call{method: http.MethodGet, path: "/api/v1/containers", status: 200},
		call{method: http.MethodGet, path: "/api/v1/pools/default/history", status: 200})
	post("/api/v1/backends/web-a/undrain", "", 200)
	c.stream(r)

	for path, body := range map[string]string{scale: `{"replicas":-1}`, pause: `{}`, limits: `{"min":"3"}`} {
		post(path, body, 400)
	}
	for path, body := range map[string]string{
		scale: `{"replicas":400}`, limits: `{"max":2}`,
		"/api/v1/backends/web/drain": "", "/api/v1/backends/web-b/undrain": "", "/api/v1/backends/web-a/restart": "",
	} {
		post(path, body, 409)
	}
	for path, body := range actions {
		post(path, body, 404)
		post(path, body, 401, "Authorization", "")
		post(path, body, 403, "Sec-Fetch-Site", "cross-site")
	}
	for path, body := range actions {
		c.wrongly(r, http.MethodPost, path, body)
	}
	c.wrongly(r, http.MethodGet, logsPath, "")
}

// answersWithoutEngine are those of a Ballast whose engine comes, has no logs and goes, and whose pool does not scale.
func answersWithoutEngine(c *contract, d *daemon, users string) {
	c.t.Helper()
	r := launch(c.t, config.EngineDocker, d.host(), "--admin.auth.users-file="+users)
	c.calls(r, call{method: http.MethodGet, path: "/health/ready", status: 503}, call{method: http.MethodGet, path: "/metrics", status: 200})
	d.run("web-a", nil)
	d.back()
	r.until("the container is ready", func() bool { return r.ready() == 1 })
	r.until("something could be done", func() bool {
		_, err := r.app.scaler.Pause(r.t.Context(), "default", "anna", true)
		return asRefusal(err).Slug == autoscale.RefusedNotScaling
	})
	c.calls(r, call{http.MethodPost, pause, `{"enabled":false}`, 409, nil})
	d.Fail(fakedaemon.OpLogs, fakedaemon.DiskFull)
	c.calls(r, call{method: http.MethodGet, path: logsPath, status: 502})
	d.away()
	r.until("it is noticed", func() bool { return !r.app.document().Engine.Connected })
	c.calls(r, call{method: http.MethodGet, path: "/metrics", status: 200})
}

// Every route that programs read is in the file, and the other way round.
func TestOpenAPI_routes(t *testing.T) {
	r := start(t)
	r.stop()
	if err := r.end(); err != nil {
		t.Fatal(err)
	}
	var inFile, served []string
	doc := newContract(t, openapi).doc
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			inFile = append(inFile, method+" "+path)
		}
	}
	err := chi.Walk(r.app.routes(r.app.admin.front).(chi.Routes), func(method, path string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		item := doc.Paths.Value(path)
		// A GET of what acts is answered that it must be a POST.
		told := method == http.MethodGet && item != nil && item.Get == nil && item.Post != nil
		if slices.Contains([]string{"api", "metrics", "prometheus", "health"}, first) && !told {
			served = append(served, method+" "+path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(inFile)
	slices.Sort(served)
	if diff := cmp.Diff(inFile, served); diff != "" {
		t.Errorf("routes (-in the file +served):\n%s", diff)
	}
}

// Nobody is to fetch a long page to learn what a short one says.
func TestOpenAPI_is_short(t *testing.T) {
	if n := len(openapi); n > 40_000 {
		t.Errorf("openapi.yaml has %d bytes, want 40,000 at most", n)
	}
}
