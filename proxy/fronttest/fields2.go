package fronttest

import (
	"strings"
	"testing"
)

var fieldTests2 = []test{
	{"forwards headers of its own and not the client's", testHeaders2},
	{"forwards one host", testHost2},
	{"lets no malformed request through", testMalformed2},
}

// Case 14: our forwarding headers arrive, the client's don't.
func testHeaders2(t *testing.T, h Harness) {
	backend := NewOK(t)
	s := NewSite(t, h, Settings(), Options{}, backend.Address)
	tests := []struct {
		name            string
		sent            []string
		absent, present []string
	}{
		{
			"forged forwarding headers are replaced",
			[]string{
				"x-forwarded-for: 6.6.6.6", "x-forwarded-for: 6.6.6.7", "forwarded: for=6.6.6.6", "x-real-ip: 6.6.6.6",
				"x-forwarded-port: 666", "x-forwarded-prefix: /666", "x-forwarded-server: s666", "x-forwarded: 666",
			},
			[]string{"6.6.6", "666"},
			[]string{
				"X-Forwarded-For: 127.0.0.1", "X-Real-Ip: 127.0.0.1", "X-Forwarded-Host: example.com:81",
				"X-Forwarded-Proto: https", "X-Forwarded-Port: 81", "X-Forwarded-Prefix: /lb", "Host: example.com:81",
			},
		},
		{
			"a forged chain is replaced",
			[]string{"x-forwarded-for: 6.6.6.6, 127.0.0.1", "x-forwarded-proto: http", "x-forwarded-host: six"},
			[]string{"6.6.6", "six"},
			[]string{"X-Forwarded-For: 127.0.0.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: example.com:81"},
		},
		{
			"their aliases are removed",
			[]string{
				"x_forwarded_for: 6.6.6.6", "x.forwarded.for: 6.6.6.6", "x_real_ip: 6.6.6.6", "x-forwarded_proto: 6.6.6.6",
				"content_length: 6666", "transfer_encoding: 6.6.6.6",
			},
			[]string{"6.6.6", "6666"},
			[]string{"X-Forwarded-For: 127.0.0.1"},
		},
		{
			"what an upgrade would say is removed",
			[]string{"http2-settings: AAMAAABkAARAAAAAAAIAAAAA", "proxy-authorization: Basic x"},
			[]string{"Settings", "Proxy-Auth", "Upgrade", "Connection"},
			nil,
		},
		{"trailers are asked for", []string{"te: trailers"}, []string{"Connection"}, []string{"Te: trailers"}},
		{"cookies are joined", []string{"cookie: a=b", "accept: x", "cookie: c=d; e=f", "cookie: g"}, nil, []string{"Cookie: a=b; c=d; e=f; g"}},
		{
			"other headers pass",
			[]string{"x-my_own: 1", "accept-encoding: br", "authorization: Basic x", "x-two: 1", "x-two: 2"},
			[]string{"User-Agent", "gzip", "Connection", "Content-Length", "Transfer-Encoding"},
			[]string{"X-My_own: 1", "Accept-Encoding: br", "Authorization: Basic x", "X-Two: 1", "X-Two: 2"},
		},
	}
	w := newWire2(s)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := len(backend.Received())
			if r := w.exchange(fields2("GET", "/lb/", tt.sent...)); r.status != 200 || !r.whole {
				t.Errorf("answer %v, want 200", r)
			}
			heads := backend.Received()[before:]
			if len(heads) != 1 {
				t.Fatalf("the backend got %d requests, want 1", len(heads))
			}
			wantLines(t, heads[0], tt.absent, tt.present)
		})
	}
}

// wantLines checks a head that a backend got.
func wantLines(t *testing.T, head string, absent, present []string) {
	t.Helper()
	for _, text := range absent {
		if strings.Contains(strings.ToLower(head), strings.ToLower(text)) {
			t.Errorf("%q reached the backend:\n%s", text, head)
		}
	}
	for _, line := range present {
		if strings.Count(head, "\r\n"+line+"\r\n") != 1 {
			t.Errorf("%q did not reach the backend once:\n%s", line, head)
		}
	}
}

// RFC 9113 8.3.1: :authority is who is asked, and the backend is told of one host. A host field that says something else
// is refused, as it is in HTTP/1.1 beside a target in absolute form.
func testHost2(t *testing.T, h Harness) {
	tests := []struct {
		name            string
		authority, host []string
		want            string // Empty: refused.
	}{
		{"authority alone", []string{":authority: a.example"}, nil, "a.example"},
		{"both the same", []string{":authority: a.example"}, []string{"host: A.example"}, "a.example"},
		{"both the same, twice", []string{":authority: a.example"}, []string{"host: a.example", "host: a.example"}, "a.example"},
		{"another host", []string{":authority: a.example"}, []string{"host: b.example"}, ""},
		{"two other hosts", []string{":authority: a.example"}, []string{"host: b.example", "host: c.example"}, ""},
		{"host alone", nil, []string{"host: b.example"}, "b.example"},
		{"two hosts", nil, []string{"host: b.example", "host: c.example"}, ""},
		{"a list of hosts", nil, []string{"host: b.example, c.example"}, ""},
		{"none", nil, nil, ""},
		{"a user", []string{":authority: u@a.example"}, nil, ""},
		{"a path", []string{":authority: a.example/x"}, nil, ""},
		{"a space", []string{":authority: a.example b.example"}, nil, ""},
		{"a quote", []string{":authority: a\"b"}, nil, ""},
	}
	backend := NewOK(t)
	s := NewSite(t, h, Settings(), Options{}, backend.Address)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := len(backend.Received())
			fields := append([]string{":method: GET", ":scheme: https", ":path: /lb/"}, tt.authority...)
			r := newWire2(s).exchange(append(fields, tt.host...))
			heads := backend.Received()[before:]
			if tt.want == "" {
				if !r.refused() || len(heads) != 0 {
					t.Errorf("answer %v, and the backend got %q, want a refusal", r, heads)
				}
				return
			}
			if r.status != 200 || len(heads) != 1 {
				t.Fatalf("answer %v, and the backend got %q, want 200 and one request", r, heads)
			}
			wantLines(t, heads[0], nil, []string{"Host: " + tt.want, "X-Forwarded-Host: " + tt.want})
			if strings.Count(heads[0], "Host: ") != 2 {
				t.Errorf("the backend was told of several hosts:\n%s", heads[0])
			}
		})
	}
	s.wantBlameless()
}

// wantBlameless checks that no backend has failed.
func (s *Site) wantBlameless() {
	s.t.Helper()
	for _, b := range s.Report().Backends {
		if b.Errors != 0 {
			s.t.Errorf("%d errors of backend %s, want 0", b.Errors, b.Name)
		}
	}
}

// Cases 2, 3 and 15, as HTTP/2 has them (RFC 9113 8.1.1, 8.2 and 8.3): what is malformed is refused, and no byte of it
// reaches a backend.
func testMalformed2(t *testing.T, h Harness) {
	get := func(more ...string) []string { return fields2("GET", "/lb/", more...) }
	tests := []struct {
		name   string
		fields []string
	}{
		{"Connection", get("connection: close")},
		{"Connection that names ours", get("connection: x-real-ip, x-forwarded-for")},
		{"Upgrade", get("connection: upgrade", "upgrade: websocket")},
		{"Upgrade alone", get("upgrade: h2c")},
		{"Keep-Alive", get("keep-alive: timeout=5")},
		{"Proxy-Connection", get("proxy-connection: keep-alive")},
		{"Transfer-Encoding", get("transfer-encoding: chunked")},
		{"TE with another coding", get("te: gzip")},
		{"TE with a list", get("te: trailers, gzip")},
		{"two TE", get("te: trailers", "te: gzip")},
		{"upper case", get("X-Upper: 1")},
		{"a space in a name", get("x y: 1")},
		{"a colon in a name", []string{":method: GET", ":scheme: https", ":path: /lb/", ":authority: x", "x\r\ny: 1"}},
		{"a line in a value", get("x-a: 1\r\nx-b: 2")},
		{"a bare CR in a value", get("x-a: 1\rx-b: 2")},
		{"a bare LF in a value", get("x-a: 1\nx-b: 2")},
		{"NUL in a value", get("x-a: 1\x002")},
		{"a pseudo-field after others", append([]string{"x-a: 1"}, get()...)},
		{"an unknown pseudo-field", append(get(), ":x: 1")},
		{"an answer's pseudo-field", append([]string{":status: 200"}, get()...)},
		{"two paths", append([]string{":path: /lb/other"}, get()...)},
		{"two methods", append([]string{":method: POST"}, get()...)},
		{"no path", []string{":method: GET", ":scheme: https", ":authority: x"}},
		{"no method", []string{":path: /lb/", ":scheme: https", ":authority: x"}},
		{"no scheme", []string{":method: GET", ":path: /lb/", ":authority: x"}},
		{"an empty path", fields2("GET", "")},
		{"a path of another form", fields2("GET", "lb/")},
		{"the absolute form", fields2("GET", "https://example.com/lb/")},
		{"an unknown scheme", []string{":method: GET", ":path: /lb/", ":scheme: ftp", ":authority: x"}},
		{"a space in the method", fields2("GET / HTTP/1.1", "/lb/")},
		{"a line in the method", fields2("GET / HTTP/1.1\r\nx: y", "/lb/")},
		{"a quote in the method", fields2("GE\"T", "/lb/")},
		{"an extended CONNECT", []string{":method: CONNECT", ":protocol: websocket", ":scheme: https", ":path: /lb/", ":authority: x"}},
		{"CONNECT with a path", []string{":method: CONNECT", ":scheme: https", ":path: /lb/", ":authority: x"}},
		{"two lengths", get("content-length: 0", "content-length: 1")},
		{"a length without a body", get("content-length: 5")},
		{"a length with a sign", get("content-length: +0")},
		{"a negative length", get("content-length: -1")},
		{"a list of lengths", get("content-length: 0, 0")},
		{"a hexadecimal length", get("content-length: 0x0")},
	}
	backend := NewOK(t)
	s := NewSite(t, h, Settings(), Options{}, backend.Address)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newWire2(s).exchange(tt.fields)
			s.Settled()
			if got := backend.Captured(); !r.refused() || len(got) != 0 {
				t.Errorf("answer %v, and the backend got %q, want a refusal", r, got)
			}
		})
	}
	s.wantBlameless()
}
