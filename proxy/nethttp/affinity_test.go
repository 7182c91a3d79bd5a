package nethttp

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/balance"
)

func TestCookie(t *testing.T) {
	tests := []struct {
		name  string
		lines []string
		want  string
	}{
		{"none", nil, ""},
		{"alone", []string{"b=1"}, "1"},
		{"among others", []string{"a=0; b=1; c=2"}, "1"},
		{"without spaces", []string{"a=0;b=1"}, "1"},
		{"on a second line", []string{"a=0", "b=1"}, "1"},
		{"the first counts", []string{"b=1; b=2"}, "1"},
		{"quoted", []string{`b="1"`}, "1"},
		{"with an equals sign", []string{"b=1=2"}, "1=2"},
		{"another one's name ends the same", []string{"bb=1; ab=2"}, ""},
		{"no value", []string{"b"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := cookie(tt.lines, "b"); got != tt.want {
				t.Errorf("cookie(%q) = %q, want %q", tt.lines, got, tt.want)
			}
		})
	}
}

func TestSetCookie_is_secure_under_TLS(t *testing.T) {
	s := containers.Sticky{Cookie: "c", TTL: time.Minute}
	if got, want := setCookie(s, "v", true), "c=v; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"; got != want {
		t.Errorf("setCookie() = %q, want %q", got, want)
	}
}

// FuzzAffinity: whatever a client sends as cookies, an available backend is picked.
func FuzzAffinity(f *testing.F) {
	core := proxy.New(proxy.Options{Logger: zerolog.Nop()})
	conf := containers.Settings{
		Policy: balance.PolicyWeighted,
		Sticky: containers.Sticky{Enabled: true, TTL: time.Hour, Cookie: "ballast_affinity"},
	}
	var specs []containers.Backend
	for _, name := range []string{"a", "b", "c"} {
		specs = append(specs, containers.Backend{
			Identity: containers.Identity{Container: name, Address: netip.MustParseAddrPort("127.0.0.1:1")},
			Name:     name, Weight: 1, State: containers.StateReady,
		})
	}
	core.Apply(&containers.Snapshot{Pools: []*containers.Pool{{Name: "p", Settings: conf, Backends: specs}}})
	for _, b := range specs {
		core.SetHealth(b.Identity, true, "")
	}
	values := make(map[string]string) // By backend.
	for len(values) < len(specs) {
		x := core.Pool("p").Begin(time.Now())
		b, err := x.Next(&balance.Request{})
		if err != nil {
			f.Fatal(err)
		}
		values[b.Name()] = b.Affinity()
		x.Done(time.Now(), 200, proxy.CauseNone)
	}
	if err := core.Drain(context.Background(), "b"); err != nil {
		f.Fatal(err)
	}
	for _, value := range values {
		f.Add("ballast_affinity=" + value)
	}
	f.Add("a=b; ballast_affinity=")
	f.Add(`;;=;ballast_affinity="`)
	f.Add("ballast_affinity=\x00\xff")
	f.Fuzz(func(t *testing.T, header string) {
		x := core.Pool("p").Begin(time.Now())
		defer x.Done(time.Now(), 200, proxy.CauseNone)
		value := cookie([]string{header}, conf.Sticky.Cookie)
		b, err := x.Next(&balance.Request{Affinity: value})
		if err != nil {
			t.Fatalf("Next() = %v for %q", err, header)
		}
		if b.Name() == "b" {
			t.Fatalf("%q led to a backend that drains", header)
		}
		for _, name := range []string{"a", "c"} {
			if value == values[name] && b.Name() != name {
				t.Fatalf("%q led to %s, want %s", header, b.Name(), name)
			}
		}
	})
}

func BenchmarkFront(b *testing.B) {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(make([]byte, 126))
	}))
	defer backend.Close()
	core := proxy.New(proxy.Options{Logger: zerolog.Nop()})
	spec := containers.Backend{
		Identity: containers.Identity{Container: "a", Address: netip.MustParseAddrPort(backend.Listener.Addr().String())},
		Name:     "a", Weight: 1, State: containers.StateReady,
	}
	conf := containers.Settings{Policy: balance.PolicyWeighted, Timeout: time.Minute, ConnectTimeout: time.Second}
	core.Apply(&containers.Snapshot{Pools: []*containers.Pool{{Name: "p", Settings: conf, Backends: []containers.Backend{spec}}}})
	core.SetHealth(spec.Identity, true, "")
	front := New(core, Options{Logger: zerolog.Nop()})
	handler := front.Handler("p", "/lb")
	defer front.closeIdle()

	// The client's side is a recorder, so that what is measured is the front and its way to the backend.
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "/lb/hello?x=1", nil).WithContext(front.base)
		handler.ServeHTTP(w, r)
		if w.Code != 200 || w.Body.Len() != 126 {
			b.Fatalf("%d with %d bytes", w.Code, w.Body.Len())
		}
	}
}
