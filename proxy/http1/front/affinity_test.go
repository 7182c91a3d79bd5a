package front_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy/http1/front"
)

func TestFront_affinity(t *testing.T) {
	name := func(n string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, n) }
	}
	conf := settings()
	conf.Sticky = containers.Sticky{Enabled: true, TTL: 3600e9, Cookie: "ballast_affinity"}
	s := newSite(t, conf, front.Options{}, serve(t, name("a")), serve(t, name("b")))
	c := client(t)
	ask := func(cookie string) (string, []*http.Cookie) {
		r := request(t, "GET", s.url("/"), nil)
		if cookie != "" {
			r.Header.Set("Cookie", cookie)
		}
		response, body, err := get(t, c, r)
		if err != nil {
			t.Fatal(err)
		}
		return body, response.Cookies()
	}
	first, cookies := ask("")
	if len(cookies) != 1 {
		t.Fatalf("%d cookies set, want 1", len(cookies))
	}
	got := cookies[0]
	want := &http.Cookie{
		Name: "ballast_affinity", Value: got.Value, Path: "/", MaxAge: 3600, HttpOnly: true,
		SameSite: http.SameSiteLaxMode, Raw: got.Raw,
	}
	if diff := cmp.Diff(want, got); diff != "" || len(got.Value) != 22 || strings.Contains(got.Value, first) && len(first) > 1 {
		t.Errorf("cookie differs (-want +got):\n%s", diff)
	}
	back := "x=y; " + got.Name + "=" + got.Value
	for range 6 {
		if body, cookies := ask(back); body != first || len(cookies) != 0 {
			t.Errorf("a client of %s came to %s and got %d cookies, want 0", first, body, len(cookies))
		}
	}
	if _, cookies := ask("ballast_affinity=unknown"); len(cookies) != 1 {
		t.Errorf("an unknown value was answered with %d cookies, want a new one", len(cookies))
	}
	if err := s.core.Drain(t.Context(), "id-"+first); err != nil {
		t.Fatal(err)
	}
	if body, cookies := ask(back); body == first || len(cookies) != 1 {
		t.Errorf("after its backend was drained a client came to %s and got %d cookies, want another and 1", body, len(cookies))
	}
}
