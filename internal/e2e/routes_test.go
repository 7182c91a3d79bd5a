//go:build docker

package e2e

import (
	"net/http"
	"strings"
	"time"
)

func (h *host) testRoutes() {
	shop := h.members("shop", labels{"host": "shop.example,*.shop.example"}, nil, "1")[0]
	api := h.members("api", labels{"host": "shop.example", "path": "/api", "strip-path": "true"}, nil, "1")[0]
	v2 := h.members("v2", labels{"host": "shop.example", "path": "/api/v2"}, nil, "1")[0]
	wide := h.members("wide", labels{"host": "*.example"}, nil, "1")[0]
	anywhere := h.member("files", "1", labels{"host": "", "path": "/files", "strip-path": "true"}, nil)
	rest := h.join("rest", map[string]string{"queue.timeout": "1s"}) // So long its routes stay when it is gone.
	h.waitPool("default", "it is ready", 10*time.Second, func(p pool) bool { return p.state(rest) == "ready" })
	h.waitPool("files", "it is ready", 10*time.Second, func(p pool) bool { return p.state(anywhere) == "ready" })
	for _, tt := range []struct{ target, container, path, query string }{
		{"shop.example/", shop, "/", ""},
		{"SHOP.Example:8000/a?b=1;c=%zz", shop, "/a", "b=1;c=%zz"},
		{"shop.example./a", shop, "/a", ""},
		{"a.b.shop.example/a%2fb//c", shop, "/a%2fb//c", ""},
		{"shop.example/api", api, "/", ""},
		{"shop.example/api/", api, "/", ""},
		{"shop.example/api/x?y", api, "/x", "y"},
		{"shop.example/apix", shop, "/apix", ""},
		{"shop.example/API", shop, "/API", ""},
		{"shop.example/api/v2/x", v2, "/api/v2/x", ""},
		{"shop.example/api/v20", api, "/v20", ""},
		{"shop.example/files/x", shop, "/files/x", ""}, // A host goes before none.
		{"a.shop.example/api", shop, "/api", ""},
		{"other.example/", wide, "/", ""},
		{"example/", rest, "/", ""},
		{"192.0.2.1/files/x", anywhere, "/x", ""},
		{"192.0.2.1/lb", rest, "/lb", ""},
	} {
		r := h.get(tt.target)
		got, want := r.said, said{Container: tt.container, Path: tt.path, Query: tt.query, InFlight: 1}
		if got != want {
			h.t.Errorf("GET %s = %d of %+v, want %+v", tt.target, r.status, got, want)
		}
	}
	h.docker("rm", "-f", rest)
	h.waitPool("default", "it is gone", 10*time.Second, func(p pool) bool { return p.Name == "" })
	if r := h.get("192.0.2.1/"); r.status != http.StatusNotFound || r.slug() != "not-found" {
		h.t.Errorf("GET 192.0.2.1/ without a pool default = %d, %q, want 404, not-found", r.status, r.slug())
	}
}

func (h *host) testConflict() {
	route := labels{"host": "wanted.example", "path": "/x"}
	first := h.members("zebra", route, nil, "1")[0] // It was first, although its name is not.
	second := h.members("ape", route, nil, "1")[0]
	for _, name := range []string{"zebra", "ape"} {
		h.waitPool(name, "it is warned, with both names", 5*time.Second, func(p pool) bool {
			all := strings.Join(p.Warnings, "\n")
			return strings.Contains(all, "wanted.example/x") && strings.Contains(all, "zebra") && strings.Contains(all, "ape")
		})
	}
	for range 20 {
		if r := h.get("wanted.example/x"); r.said.Container != first {
			h.t.Fatalf("GET wanted.example/x = %d of %q, want %q, which had the route first", r.status, r.said.Container, first)
		}
	}
	h.docker("rm", "-f", first)
	p := h.waitPool("ape", "it is not warned any more", 5*time.Second, func(p pool) bool { return len(p.Warnings) == 0 })
	if r := h.get("wanted.example/x"); r.said.Container != second {
		h.t.Errorf("GET wanted.example/x = %d of %q, want %q when the other is gone; the pool is %+v", r.status, r.said.Container, second, p)
	}
}

func (h *host) testH2C() {
	name := h.members("multiplexed", labels{"scheme": "h2c", "health.path": "/health"}, env{"MOCK_H2C": "true"}, "1")[0]
	plain := h.members("plain", nil, nil, "1")[0]
	prior := &http.Transport{Protocols: new(http.Protocols)}
	prior.Protocols.SetUnencryptedHTTP2(true)
	h.t.Cleanup(prior.CloseIdleConnections)
	for proto, client := range map[string]*http.Client{"HTTP/1.1": h.client, "h2c": {Transport: prior}} {
		// In turn, for a connection is handed over by the first of them.
		for range 3 {
			for _, want := range []said{
				{Container: name, Proto: "HTTP/2.0", Path: "/echo", Body: "hello"},
				{Container: plain, Proto: "HTTP/1.1", Path: "/echo", Body: "hello"},
			} {
				target := "multiplexed.example/echo"
				if want.Container == plain {
					target = "plain.example/echo"
				}
				r, err := h.try(client, request{target: target, method: http.MethodPost, body: "hello"})
				if err != nil || r.said != want {
					h.t.Errorf("POST %s over %s = %d, %v of %+v, want %+v", target, proto, r.status, err, r.said, want)
				}
			}
		}
	}
}
