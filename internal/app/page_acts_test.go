package app

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

// form sends a form of the page and returns what came of it, as htmx is answered.
func (r *running) form(client *http.Client, path string, fields url.Values, header ...string) (int, string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, r.base+path, strings.NewReader(fields.Encode()))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("HX-Request", "true")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestPageActs(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	users := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(users, []byte("anna:"+string(hash)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := start(t, "--admin.auth.users-file="+users)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, Transport: r.client.Transport}
	scale := "/dashboard/act/pools/default/scale"

	if _, body := r.form(browser, scale, url.Values{"replicas": {"4"}}); !strings.Contains(body, "only who has logged in") || !strings.Contains(body, "/dashboard/login") {
		t.Errorf("without a session: %s", body)
	}
	// Logging in leads to the page.
	if status, _ := r.form(browser, "/dashboard/login", url.Values{"user": {"anna"}, "password": {"secret"}}); status != http.StatusOK {
		t.Fatalf("login: %d", status)
	}
	tests := []struct {
		name, path string
		fields     url.Values
		want       string
	}{
		{"more", scale, url.Values{"replicas": {"4"}}, "anna set replicas to 4"},
		{"no_number", scale, url.Values{"replicas": {"many"}}, `&#34;many&#34; is no number from 0 up`},
		{"nothing", scale, nil, "say how many"},
		{"too_many", scale, url.Values{"replicas": {"99"}}, "max"},
		{"limits", "/dashboard/act/pools/default/limits", url.Values{"min": {"2"}, "max": {""}}, "anna set min to 2"},
		{"limits_back", "/dashboard/act/pools/default/limits", url.Values{"back": {"true"}}, "anna took"},
		{"pause", "/dashboard/act/pools/default/autoscale", url.Values{"enabled": {"false"}}, "anna paused"},
		{"resume", "/dashboard/act/pools/default/autoscale", url.Values{"enabled": {"true"}}, "anna resumed"},
		{"no_pool", "/dashboard/act/pools/none/scale", url.Values{"replicas": {"1"}}, "no pool &#34;none&#34;"},
		{"drain", "/dashboard/act/containers/web-a/drain", nil, "web-a is taken out of rotation"},
		{"undrain", "/dashboard/act/containers/web-a/undrain", nil, "web-a is given requests again"},
		{"restart_of_an_original", "/dashboard/act/containers/web-a/restart", nil, "clone"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, body := r.form(browser, tt.path, tt.fields); !strings.Contains(body, tt.want) {
				t.Errorf("answer = %s, want %q", body, tt.want)
			}
		})
	}
	if status, body := r.form(browser, scale, url.Values{"replicas": {"4"}}, "Sec-Fetch-Site", "cross-site"); status != http.StatusForbidden || !strings.Contains(body, "another site") {
		t.Errorf("from another site: %d %s", status, body)
	}
	// Who has no JavaScript gets a page that leads back.
	status, body := r.form(browser, scale, url.Values{"replicas": {"99"}}, "HX-Request", "", "Referer", r.base+"/pools/default")
	if status == http.StatusOK || !strings.Contains(body, "<html") || !strings.Contains(body, `href="/pools/default"`) {
		t.Errorf("without htmx: %d %s", status, body)
	}
	resp, err := browser.Get(r.base + "/dashboard/logs/web-a")
	if err != nil {
		t.Fatal(err)
	}
	logs, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(logs), "web-a") {
		t.Errorf("logs: %s, %v: %s", resp.Status, err, logs)
	}
}

func TestLocalPath(t *testing.T) {
	for page, want := range map[string]string{
		"":                                      "",
		"http://127.0.0.1:8080/pools/a?x=1":     "/pools/a?x=1",
		"https://evil.example//other.example/x": "",
		"::":                                    "",
	} {
		if got := localPath(page); got != want {
			t.Errorf("localPath(%q) = %q, want %q", page, got, want)
		}
	}
}
