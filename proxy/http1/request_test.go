package http1

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// parseRequest reads a head that must be good.
func parseRequest(tb testing.TB, head string) *Request {
	tb.Helper()
	r := &Request{}
	if n, err := r.Parse([]byte(head)); err != nil || n != len(head) {
		tb.Fatalf("Parse(%q) = %d, %v, want %d", head, n, err, len(head))
	}
	return r
}

func TestRequest_Parse_meaning(t *testing.T) {
	tests := []struct {
		name, head                        string
		method                            Method
		form                              Form
		target, path, query, host         string
		body                              Body
		keepAlive, expects, webSocket, v0 bool
	}{
		{
			name: "query_is_kept_byte_for_byte", head: "GET /lb//a%2Fb/../?a=1;b=2&c=%zz HTTP/1.1\r\nHost: a.example:8080\r\n\r\n",
			method: MethodGet, target: "/lb//a%2Fb/../?a=1;b=2&c=%zz", path: "/lb//a%2Fb/../", query: "?a=1;b=2&c=%zz",
			host: "a.example:8080", keepAlive: true,
		},
		{
			name: "question_mark_alone_is_kept", head: "GET /? HTTP/1.1\r\nHost: a\r\n\r\n",
			method: MethodGet, target: "/?", path: "/", query: "?", host: "a", keepAlive: true,
		},
		{
			name: "absolute-form", head: "GET HTTPS://A:1?b HTTP/1.1\r\nHost: a:1\r\n\r\n",
			method: MethodGet, form: FormAbsolute, target: "HTTPS://A:1?b", query: "?b", host: "A:1", keepAlive: true,
		},
		{
			name: "connect_never_goes_on", head: "CONNECT a:443 HTTP/1.1\r\nHost: b\r\nContent-Length: 3\r\n\r\n",
			method: MethodConnect, form: FormAuthority, target: "a:443", host: "a:443", body: Body{BodyLength, 3},
		},
		{
			name: "asterisk", head: "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
			method: MethodOptions, form: FormAsterisk, target: "*", host: "a", keepAlive: true,
		},
		{
			name: "method_of_its_own", head: "M-SEARCH / HTTP/1.1\r\nHost: a\r\nConnection: x, ClOsE\r\n\r\n",
			target: "/", path: "/", host: "a",
		},
		{
			name: "http10_ends", head: "GET / HTTP/1.0\r\n\r\n",
			method: MethodGet, target: "/", path: "/", v0: true,
		},
		{
			name: "http10_goes_on_if_asked", head: "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
			method: MethodGet, target: "/", path: "/", v0: true, keepAlive: true,
		},
		{
			name: "close_wins", head: "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n",
			method: MethodGet, target: "/", path: "/", host: "a",
		},
		{
			name: "expect", head: "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nTransfer-Encoding: chunked\r\n\r\n",
			method: MethodPut, target: "/", path: "/", host: "a", body: Body{Kind: BodyChunked}, keepAlive: true, expects: true,
		},
		{
			name: "expect_without_a_body_means_nothing", head: "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n",
			method: MethodPut, target: "/", path: "/", host: "a", body: Body{Kind: BodyLength}, keepAlive: true,
		},
		{
			name: "expect_in_http10_means_nothing", head: "PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n",
			method: MethodPut, target: "/", path: "/", body: Body{BodyLength, 1}, v0: true,
		},
		{
			name: "websocket", head: "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\r\n",
			method: MethodGet, target: "/", path: "/", host: "a", keepAlive: true, webSocket: true,
		},
		{
			name: "h2c_is_no_upgrade", head: "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n",
			method: MethodGet, target: "/", path: "/", host: "a", keepAlive: true,
		},
		{
			name: "two_upgrades_are_none", head: "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nUpgrade: websocket\r\n\r\n",
			method: MethodGet, target: "/", path: "/", host: "a", keepAlive: true,
		},
		{
			name: "websocket_needs_the_option", head: "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n",
			method: MethodGet, target: "/", path: "/", host: "a", keepAlive: true,
		},
		{
			name: "websocket_is_for_GET", head: "POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
			method: MethodPost, target: "/", path: "/", host: "a", keepAlive: true,
		},
		{
			name: "websocket_with_a_body_is_none", head: "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n\r\n",
			method: MethodGet, target: "/", path: "/", host: "a", body: Body{BodyLength, 1}, keepAlive: true,
		},
	}
	type meaning struct {
		Method                            Method
		Form                              Form
		target, path, query, host         string
		Body                              Body
		keepAlive, expects, webSocket, v0 bool
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := parseRequest(t, tt.head)
			got := meaning{
				r.Method, r.Form, string(r.Target()), string(r.Path()), string(r.Query()), string(r.Host()), r.Body,
				r.KeepAlive, r.ExpectContinue, r.WebSocket, r.HTTP10,
			}
			want := meaning{
				tt.method, tt.form, tt.target, tt.path, tt.query, tt.host, tt.body, tt.keepAlive, tt.expects, tt.webSocket, tt.v0,
			}
			if got != want {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
			if method, _, _ := strings.Cut(tt.head, " "); string(r.MethodText()) != method {
				t.Errorf("MethodText() = %q, want %q", r.MethodText(), method)
			}
		})
	}
}

func TestFields(t *testing.T) {
	r := parseRequest(t, "GET / HTTP/1.1\r\nHost: a\r\nCookie:a=1\r\nX-Empty: \t\r\ncookie: \t b=\"2\" \t\r\n\r\n")
	want := [][2]string{{"Host", "a"}, {"Cookie", "a=1"}, {"X-Empty", ""}, {"cookie", `b="2"`}}
	if r.Len() != len(want) {
		t.Fatalf("Len() = %d, want %d", r.Len(), len(want))
	}
	for i, w := range want {
		if got := [2]string{string(r.Name(i)), string(r.Value(i))}; got != w {
			t.Errorf("field %d = %q, want %q", i, got, w)
		}
	}
	if first := r.Find("cookie", 0); first != 1 {
		t.Errorf("Find(cookie) = %d, want 1", first)
	}
	if second := r.Find("cookie", 2); second != 3 {
		t.Errorf("Find(cookie, 2) = %d, want 3", second)
	}
	if none := r.Find("x-none", 0); none != -1 {
		t.Errorf("Find(x-none) = %d, want -1", none)
	}
}

func TestRequest_Parse_pipelined(t *testing.T) {
	buf := []byte("GET /1 HTTP/1.1\r\nHost: a\r\nX: 1\r\n\r\n\r\nGET /2 HTTP/1.1\r\nHost: b\r\n\r\nGET /3 HT")
	var r Request
	for _, want := range []string{"/1 a 2", "/2 b 1"} {
		r.Reset()
		n, err := r.Parse(buf)
		if err != nil || n == 0 {
			t.Fatalf("Parse() = %d, %v", n, err)
		}
		if got := string(r.Target()) + " " + string(r.Host()) + " " + string('0'+rune(r.Len())); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		buf = buf[n:]
	}
	r.Reset()
	if n, err := r.Parse(buf); n != 0 || err != nil {
		t.Errorf("Parse(half a request) = %d, %v, want 0, nil", n, err)
	}
}

// TestRequest_Parse_scans_once feeds a head byte by byte. If each call began at the start again, or only looked for the
// line's end from its start, that would take some 2,000,000,000 steps.
func TestRequest_Parse_scans_once(t *testing.T) {
	head := []byte("GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("a", MaxHead-40) + "\r\n\r\n")
	var r Request
	for i := range head {
		n, err := r.Parse(head[:i+1])
		if err != nil || n != 0 && i < len(head)-1 {
			t.Fatalf("Parse(%d bytes) = %d, %v", i+1, n, err)
		}
		if r.seen != i+1 { // The next call would look at the rest again.
			t.Fatalf("after %d bytes, %d are known", i+1, r.seen)
		}
	}
}

func TestError(t *testing.T) {
	var r Request
	_, err := r.Parse([]byte("GET / HTTP/1.1\r\n\r\n"))
	if !errors.Is(err, ErrNoHost) {
		t.Fatalf("Parse() = %v, want %v", err, ErrNoHost)
	}
	if got, want := err.Error(), "no Host (RFC 9112 3.2)"; got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
}

func TestCheckAuthority(t *testing.T) {
	for _, tt := range []struct {
		in       string
		ok, port bool
	}{
		{"a", true, false},
		{"a_b~c-d.e.", true, false},
		{"a:0", true, true},
		{"a:65535", true, true},
		{"a:065535", true, true},
		{"[::]", true, false},
		{"[::]:80", true, true},
		{"[1:2:3:4:5:6:7:8]", true, false},
		{"[1:2:3:4:5:6:1.2.3.4]", true, false},
		{"[::ffff:1.2.3.4]", true, false},
		{"[1:2:3:4:5:6:7]", false, false},
		{"[1:2:3:4:5:6:7:8:9]", false, false},
		{"[1:2:3:4:5:6:7:]", false, false},
		{"[1:2:3:4::5:6:7:8]", false, false},
		{"[1:2:3:4::5:6:7]", true, false},
		{"[1::2:]", false, false},
		{"[:1::2]", false, false},
		{"[1::2::3]", false, false},
		{"[1:::2]", false, false},
		{"[12345::]", false, false},
		{"[::1.2.3]", false, false},
		{"[::1.2.3.256]", false, false},
		{"[::1.2.3.04]", false, false},
		{"[::1.2.3.4:1]", false, false},
		{"[]", false, false},
	} {
		if ok, port := checkAuthority([]byte(tt.in)); ok != tt.ok || ok && port != tt.port {
			t.Errorf("checkAuthority(%s) = %t, %t, want %t, %t", tt.in, ok, port, tt.ok, tt.port)
		}
	}
}

// TestBadValue compares the reading of eight bytes at once with the table, for each byte at each place.
func TestBadValue(t *testing.T) {
	for c := range 256 {
		for at := range 17 {
			for _, filler := range []byte("a\t\xff ") {
				b := bytes.Repeat([]byte{filler}, 17)
				b[at] = byte(c)
				want := -1
				if c < ' ' && c != '\t' || c == 0x7f {
					want = at
				}
				if got := badValue(b); got != want {
					t.Fatalf("badValue(%q) = %d, want %d", b, got, want)
				}
			}
		}
	}
}
