package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/containers/autoscale"
	"github.com/ballast-lb/ballast/internal/telemetry"
)

// journal is a log that can be read while it is written.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

// audit are the lines about actions.
func (j *journal) audit() (lines []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for line := range strings.Lines(j.b.String()) {
		if strings.Contains(line, `"component":"audit"`) {
			lines = append(lines, line)
		}
	}
	return lines
}

// acting is the demo with a users file, in which anna's password is "sesame".
func acting(t *testing.T, args ...string) (*running, *journal) {
	t.Helper()
	h, err := bcrypt.GenerateFromPassword([]byte("sesame"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	users := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(users, []byte("anna:"+string(h)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	j := &journal{}
	r := startLogged(t, j, append([]string{"--admin.auth.users-file=" + users}, args...)...)
	r.until("it scales", func() bool { return r.app.scaler.Desired("default") > 0 })
	return r, j
}

// post acts as anna, unless another user is given, and returns the status and what was answered.
func (r *running) post(path, body string, header ...string) (int, map[string]any) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, r.base+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.SetBasicAuth("anna", "sesame")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := r.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	var answer map[string]any
	if err := json.Unmarshal(text, &answer); err != nil {
		r.t.Fatalf("POST %s = %s: %s", path, resp.Status, text)
	}
	if resp.StatusCode >= 400 && resp.Header.Get("Content-Type") != "application/problem+json" {
		r.t.Errorf("POST %s = %s %s, want a problem", path, resp.Status, resp.Header.Get("Content-Type"))
	}
	for _, name := range []string{"Retry-After", "WWW-Authenticate"} {
		if v := resp.Header.Get(name); v != "" {
			answer[name] = v
		}
	}
	return resp.StatusCode, answer
}

// done acts and fails the test unless that is done.
func (r *running) done(path, body string) map[string]any {
	r.t.Helper()
	status, answer := r.post(path, body)
	if status != http.StatusOK {
		r.t.Fatalf("POST %s %s = %d %v, want 200", path, body, status, answer)
	}
	return answer
}

// pool is the default pool as GET /metrics tells of it.
func (r *running) pool() telemetry.PoolDoc {
	r.t.Helper()
	_, text := r.get("/metrics")
	var d telemetry.Document
	if err := json.Unmarshal([]byte(text), &d); err != nil || len(d.Pools) != 1 {
		r.t.Fatalf("GET /metrics: %v: %.300s", err, text)
	}
	return d.Pools[0]
}

const scale, pause, limits = "/api/v1/pools/default/scale", "/api/v1/pools/default/autoscale", "/api/v1/pools/default/limits"

func TestActions_scale(t *testing.T) {
	r, j := acting(t)
	d := r.done(scale, `{"replicas":5}`)
	if d["by"] != "anna" || d["action"] != "scale-out" || d["from"] != 3.0 || d["to"] != 5.0 || d["reason"] != "anna set replicas to 5 by hand; 3 ready, 0 starting: start 2" {
		t.Errorf("answer = %v", d)
	}
	r.until("five are ready", func() bool { return r.ready() == 5 })
	if o := r.pool().Override; o == nil || o.Replicas == nil || o.Replicas.N != 5 || o.Replicas.By != "anna" || o.Replicas.Until == nil {
		t.Errorf("override = %+v, want 5 by anna for a while", o)
	}
	r.done(scale, `{"replicas":4}`)
	r.until("four are ready", func() bool { return r.ready() == 4 })
	status, no := r.post(scale, `{"replicas":2}`)
	if status != http.StatusConflict || no["type"] != "urn:ballast:error:below-originals" {
		t.Errorf("scale below what there was = %d %v", status, no)
	}
	_, text := r.get("/api/v1/decisions?pool=default")
	for _, want := range []string{`"by":"anna"`, "anna set replicas to 5 by hand", "anna set replicas to 4 by hand"} {
		if !strings.Contains(text, want) {
			t.Errorf("decisions lack %q:\n%s", want, text)
		}
	}
	lines := j.audit()
	if len(lines) != 3 {
		t.Fatalf("%d audit lines, want 3: %q", len(lines), lines)
	}
	const done = `{"level":"info","component":"audit","user":"anna","client":"127.0.0.1","action":"scale to 5","target":"default","outcome":"done","message":"action"}` + "\n"
	if lines[0] != done {
		t.Errorf("audit line = %s, want %s", lines[0], done)
	}
	if !strings.Contains(lines[2], `"outcome":"refused","why":"below-originals","detail":"3 of its containers`) {
		t.Errorf("audit line of a refusal = %s", lines[2])
	}
}

func TestActions_pause_and_limits(t *testing.T) {
	r, _ := acting(t)
	r.done(limits, `{"min":4,"max":7}`)
	r.until("four are ready", func() bool { return r.ready() == 4 })
	if p := r.pool(); p.Replicas.Min != 4 || p.Replicas.Max != 7 || p.Override == nil || p.Override.Min.By != "anna" {
		t.Errorf("pool = %+v", p.Replicas)
	}
	r.done(pause, `{"enabled":false}`)
	r.done(limits, `{"min":null}`)
	if p := r.pool(); p.Override == nil || p.Override.Paused == nil || p.Override.Paused.By != "anna" || p.Override.Paused.At.IsZero() || p.Override.Min != nil {
		t.Errorf("override = %+v, want paused by anna", p.Override)
	}
	r.done(scale, `{"replicas":3}`)
	r.until("three are ready", func() bool { return r.ready() == 3 })
	r.done(pause, `{"enabled":true}`)
	r.done(limits, `{"max":null}`)
	if o := r.pool().Override; o != nil {
		t.Errorf("override = %+v, want none", o)
	}
	if d := r.app.scaler.Decisions("default"); !slices.ContainsFunc(d, func(x autoscale.Decision) bool { return strings.HasPrefix(x.Reason, "anna paused autoscaling") }) {
		t.Errorf("decisions lack the pause: %+v", d)
	}
}

func TestActions_drain(t *testing.T) {
	r, j := acting(t)
	r.done(limits, `{"min":3}`)
	d := r.done("/api/v1/backends/web-a/drain", "")
	if d["name"] != "web-a" || d["pool"] != "default" || d["action"] != "drain" || d["by"] != "anna" {
		t.Errorf("answer = %v", d)
	}
	r.until("another stands in for it", func() bool { return r.ready() == 3 })
	for range 20 {
		if _, body := r.get("/lb"); strings.Contains(body, `"container":"web-a"`) {
			t.Fatal("web-a serves although it is drained")
		}
	}
	p := r.pool()
	if o := p.Override; o == nil || len(o.Drained) != 1 || o.Drained[0].Name != "web-a" || o.Drained[0].By != "anna" || o.Drained[0].At.IsZero() {
		t.Errorf("override = %+v, want web-a drained by anna", o)
	}
	for _, tt := range []struct{ path, slug string }{
		{"/api/v1/backends/web-a/drain", "drained"},
		{"/api/v1/backends/web-b/undrain", "not-drained"},
		{"/api/v1/backends/web/drain", "ambiguous"},
	} {
		if status, no := r.post(tt.path, ""); status != http.StatusConflict || no["type"] != "urn:ballast:error:"+tt.slug {
			t.Errorf("POST %s = %d %v, want 409 %s", tt.path, status, no, tt.slug)
		}
	}
	status, no := r.post("/api/v1/backends/web-x/drain", "")
	if status != http.StatusNotFound || !strings.Contains(no["detail"].(string), "did you mean web-a") {
		t.Errorf("drain of nobody = %d %v", status, no)
	}
	var id string
	for _, b := range p.Backends {
		if b.Name == "web-a" {
			id = b.ID
		}
	}
	r.done("/api/v1/backends/"+id+"/undrain", "")
	r.done(limits, `{"min":null}`)
	r.until("it serves again", func() bool { _, body := r.get("/lb"); return strings.Contains(body, `"container":"web-a"`) })
	if o := r.pool().Override; o != nil {
		t.Errorf("override = %+v, want none", o)
	}
	if lines := j.audit(); len(lines) != 8 {
		t.Errorf("%d audit lines, want 8: %q", len(lines), lines)
	}
	if d := r.app.scaler.Decisions("default"); !slices.ContainsFunc(d, func(x autoscale.Decision) bool { return x.Reason == "anna drained web-a by hand" && x.By == "anna" }) {
		t.Errorf("decisions lack the drain: %+v", d)
	}
}

// A clone that was drained by hand and is put into the warm pool later serves when it is woken.
func TestActions_forget_what_is_warm_or_gone(t *testing.T) {
	r, _ := acting(t)
	r.done("/api/v1/backends/web-a/drain", "")
	r.done("/api/v1/backends/web-b/drain", "")
	s := *r.app.reconciler.Snapshot()
	pool := *s.Pools[0]
	pool.Backends = slices.Clone(pool.Backends)
	a, b := pool.Backends[0].Container, pool.Backends[1].Container
	r.app.actions.forget(&s)
	if !r.app.actions.aside(a) || !r.app.actions.aside(b) {
		t.Fatal("what is there as it was is forgotten")
	}
	pool.Backends[0].State = containers.StateWarm
	s.Pools = []*containers.Pool{&pool}
	s.Entries = slices.DeleteFunc(slices.Clone(s.Entries), func(e containers.Entry) bool { return e.Container.ID == b })
	r.app.actions.forget(&s)
	if r.app.actions.aside(a) || r.app.actions.aside(b) || r.app.core.PutBack(a) {
		t.Error("what is warm, or gone, is still drained by hand")
	}
}

func TestActions_restart(t *testing.T) {
	r, _ := acting(t)
	if status, no := r.post("/api/v1/backends/web-a/restart", ""); status != http.StatusConflict || no["type"] != "urn:ballast:error:not-a-clone" {
		t.Errorf("restart of an original = %d %v", status, no)
	}
	r.done(limits, `{"min":4}`)
	r.until("four are ready", func() bool { return r.ready() == 4 })
	clone := func() (name, id string) {
		for _, b := range r.pool().Backends {
			if b.Clone && b.State == "ready" {
				return b.Name, b.ID
			}
		}
		return "", ""
	}
	name, first := clone()
	if status, no := r.post("/api/v1/backends/"+name+"/restart", ""); status != http.StatusConflict || no["type"] != "urn:ballast:error:below-min" ||
		!strings.HasSuffix(no["detail"].(string), "bring it to 5 first") {
		t.Errorf("restart that leaves too few = %d %v", status, no)
	}
	r.done(limits, `{"min":3}`)
	r.done("/api/v1/backends/"+name+"/restart", "")
	r.until("another clone serves", func() bool { _, id := clone(); return id != "" && id != first && r.ready() == 4 })
}

// While another Ballast takes over, what gives something up is refused rather than put off.
func TestActions_give_up_nothing_during_a_handover(t *testing.T) {
	r, _ := acting(t)
	r.done(scale, `{"replicas":5}`)
	r.until("five are ready", func() bool { return r.ready() == 5 })
	clones := r.app.fleet.Status("default").Clones
	r.app.fleet.KeepAll(true)
	for path, body := range map[string]string{"/api/v1/backends/" + clones[0].Name + "/restart": "", scale: `{"replicas":4}`} {
		status, no := r.post(path, body)
		if status != http.StatusServiceUnavailable || no["type"] != "urn:ballast:error:not-deciding" || !strings.Contains(no["detail"].(string), "ask that one") {
			t.Errorf("POST %s = %d %v, want 503 not-deciding", path, status, no)
		}
	}
	r.app.fleet.KeepAll(false)
	r.done(scale, `{"replicas":4}`)
	r.until("four are ready", func() bool { return r.ready() == 4 })
}

func TestActions_of_a_pool_that_does_not_scale(t *testing.T) {
	r, _ := acting(t, "--config="+write(t, "pools: {default: {scale.max: 0, scale.min: 0}}"))
	for path, body := range map[string]string{scale: `{"replicas":4}`, pause: `{"enabled":false}`, limits: `{"max":4}`} {
		status, no := r.post(path, body)
		if status != http.StatusConflict || no["type"] != "urn:ballast:error:not-scaling" || !strings.Contains(no["detail"].(string), "scale.max") {
			t.Errorf("POST %s = %d %v, want 409 not-scaling and the label", path, status, no)
		}
	}
	r.done("/api/v1/backends/web-a/drain", "")
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ballast.yml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestActions_refused(t *testing.T) {
	r, j := acting(t)
	tests := []struct {
		name, path, body string
		header           []string
		status           int
		slug, says       string
	}{
		{"no such pool", "/api/v1/pools/none/scale", `{"replicas":4}`, nil, 404, "no-such-pool", "/api/v1/pools"},
		{"too many", scale, `{"replicas":400}`, nil, 409, "out-of-range", "raise max"},
		{"no JSON", scale, `replicas=4`, nil, 400, "bad-request", `{"replicas":3}`},
		{"no number", scale, `{}`, nil, 400, "bad-request", "replicas must be"},
		{"less than nothing", scale, `{"replicas":-1}`, nil, 400, "bad-request", "from 0 up"},
		{"another key", scale, `{"replicas":4,"force":true}`, nil, 400, "bad-request", "force"},
		{"too long", scale, `{"replicas":` + strings.Repeat(" ", 5000) + `4}`, nil, 400, "bad-request", "too large"},
		{"no word", pause, `{}`, nil, 400, "bad-request", "true or false"},
		{"no limit", limits, `{"min":"3"}`, nil, 400, "bad-request", "numbers from 0 up, or null"},
		{"nobody", scale, `{"replicas":4}`, []string{"Authorization", ""}, 401, "unauthenticated", "HTTP Basic"},
		{"another password", scale, `{"replicas":4}`, []string{"Authorization", "Basic YW5uYTp4"}, 401, "unauthenticated", "wrong"},
		{"another site", scale, `{"replicas":4}`, []string{"Origin", "https://evil.example"}, 403, "cross-origin", "another site"},
		{"another site by its metadata", scale, `{"replicas":4}`, []string{"Sec-Fetch-Site", "cross-site"}, 403, "cross-origin", "another site"},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, no := r.post(tt.path, tt.body, tt.header...)
			if status != tt.status || no["type"] != "urn:ballast:error:"+tt.slug || !strings.Contains(no["detail"].(string), tt.says) {
				t.Errorf("POST = %d %v, want %d %s with %q", status, no, tt.status, tt.slug, tt.says)
			}
			if (no["WWW-Authenticate"] != nil) != (status == 401) {
				t.Errorf("WWW-Authenticate = %v with %d", no["WWW-Authenticate"], status)
			}
			if lines := j.audit(); len(lines) != i+1 || !strings.Contains(lines[i], `"outcome":"refused","why":"`+tt.slug) || !strings.Contains(lines[i], `"client":"127.0.0.1"`) {
				t.Errorf("audit = %q, want a line for each", lines)
			}
		})
	}
	if p := r.pool(); p.Override != nil || p.Replicas.Desired != 3 {
		t.Errorf("something was done: %+v", p)
	}
	if resp, _ := r.get(scale); resp.StatusCode != 405 || resp.Header.Get("Allow") != "POST" {
		t.Errorf("GET %s = %s, Allow %q", scale, resp.Status, resp.Header.Get("Allow"))
	}
}

func TestActions_wrong_passwords_are_limited(t *testing.T) {
	r, _ := acting(t)
	for range 10 {
		if status, _ := r.post(scale, `{"replicas":4}`, "Authorization", "Basic YW5uYTp4"); status != 401 {
			t.Fatalf("wrong password = %d, want 401", status)
		}
	}
	status, no := r.post(scale, `{"replicas":4}`)
	if status != 429 || no["type"] != "urn:ballast:error:too-many-attempts" || no["Retry-After"] == nil {
		t.Errorf("after ten wrong passwords the right one = %d %v, want 429 with Retry-After", status, no)
	}
}

func TestActions_without_users(t *testing.T) {
	r := start(t)
	for _, header := range [][]string{nil, {"Authorization", ""}} {
		status, no := r.post(scale, `{"replicas":4}`, header...)
		if status != http.StatusForbidden || no["type"] != "urn:ballast:error:no-users" || !strings.Contains(no["detail"].(string), "admin.auth.users-file") {
			t.Errorf("POST = %d %v, want 403 no-users and the key", status, no)
		}
	}
	if _, body := r.get("/dashboard/login"); !strings.Contains(body, "admin.auth.users-file") || strings.Contains(body, "<form") {
		t.Errorf("the page to log in does not say that nobody can:\n%s", body)
	}
}

func TestActions_login(t *testing.T) {
	r, j := acting(t)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	r.client.Jar = jar
	session := func() string {
		_, body := r.get("/dashboard/session")
		return strings.TrimSpace(body)
	}
	form := func(path, user, password string, header ...string) *http.Response {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.base+path, strings.NewReader(url.Values{"user": {user}, "password": {password}}.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		r.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		resp, err := r.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp
	}
	steps := []struct {
		name, path, user, password string
		header                     []string
		status                     int
		session                    string
	}{
		{"a wrong password", "/dashboard/login", "anna", "x", nil, 401, ""},
		{"another site", "/dashboard/login", "anna", "sesame", []string{"Origin", "https://evil.example"}, 403, ""},
		{"the right one", "/dashboard/login", "anna", "sesame", []string{"Origin", r.base}, 303, "anna"},
		{"another site logs out", "/dashboard/logout", "", "", []string{"Sec-Fetch-Site", "same-site"}, 403, "anna"},
		{"out", "/dashboard/logout", "", "", nil, 303, ""},
		{"out again", "/dashboard/logout", "", "", nil, 303, ""},
	}
	for _, s := range steps {
		resp := form(s.path, s.user, s.password, s.header...)
		if want := fmt.Sprintf(`{"users":true,"user":%q}`, s.session); resp.StatusCode != s.status || session() != want {
			t.Errorf("%s = %s and session %s, want %d and %s", s.name, resp.Status, session(), s.status, want)
		}
	}
	form("/dashboard/login", "anna", "sesame")
	if u, _ := url.Parse(r.base + "/lb"); len(jar.Cookies(u)) != 0 {
		t.Error("backends are sent the session's cookie")
	}
	if lines := j.audit(); len(lines) != 6 || !strings.Contains(lines[0], `"action":"login"`) || !strings.Contains(lines[0], "refused") {
		t.Errorf("audit = %q", lines)
	}
	resp, body := r.get("/dashboard/login")
	if !strings.Contains(resp.Header.Get("Content-Security-Policy"), "form-action 'self'") || !strings.Contains(body, "Log out") {
		t.Errorf("the page to log in, when somebody has: %s\n%s", resp.Header.Get("Content-Security-Policy"), body)
	}
}
