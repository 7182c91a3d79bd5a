package fronttest

import (
	"bufio"
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/forward"
)

var edgeTests = []test{
	{"believes nothing of who is not trusted", testUntrusted},
	{"believes a trusted proxy as far as it can be", testTrusted},
	{"names requests", testRequestIDs},
	{"names each request otherwise", testUniqueIDs},
	{"names no requests if it is not asked to", testNoIDs},
}

// newID is what request IDs of our own look like.
const newID = "[0-9a-f]{32}"

// edge names requests, finds loops by the token "here", and trusts those in prefixes.
func edge(prefixes ...string) Options {
	var trusted []netip.Prefix
	for _, p := range prefixes {
		trusted = append(trusted, netip.MustParsePrefix(p))
	}
	return Options{Edge: proxy.Edge{Trust: forward.NewTrust(trusted), IDs: forward.NewIDs(), Loop: forward.Loop{Token: "here"}}}
}

// edgeTest is fields that a client sends, and expressions for the values that the backend gets in their place: none
// for one that it must not get.
type edgeTest struct {
	name, sent string
	want       map[string]string
}

// arrive sends requests and checks what arrives.
func arrive(t *testing.T, s *Site, backend *Backend, tests []edgeTest) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := len(backend.Received())
			s.Say("GET /lb/ HTTP/1.1\r\nHost: example.com:81\r\n" + tt.sent + "\r\n")
			heads := backend.Received()[before:]
			if len(heads) != 1 {
				t.Fatalf("the backend got %d requests, want 1", len(heads))
			}
			if strings.Contains(heads[0], "6.6.6.") {
				t.Errorf("what was forged has arrived:\n%s", heads[0])
			}
			got := header(t, heads[0])
			for name, want := range tt.want {
				lines := got[name]
				if want == "" && lines == nil {
					continue
				}
				if len(lines) != 1 || want == "" || !regexp.MustCompile("^("+want+")$").MatchString(lines[0]) {
					t.Errorf("%s: %q arrived, want %q", name, lines, want)
				}
			}
		})
	}
}

// header is the fields of a head.
func header(t testing.TB, head string) http.Header {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head)))
	if err != nil {
		t.Fatalf("%v in:\n%s", err, head)
	}
	return r.Header
}

// Case 14: ours arrive, theirs don't.
func testUntrusted(t *testing.T, h Harness) {
	ours := map[string]string{
		"X-Forwarded-For": `127\.0\.0\.1`, "X-Real-Ip": `127\.0\.0\.1`, "X-Forwarded-Host": "example.com:81",
		"X-Forwarded-Proto": "http", "X-Forwarded-Port": "81", "X-Forwarded-Prefix": "/lb",
		"X-Request-Id": newID, "Cdn-Loop": "here", "Forwarded": "", "Proxy": "",
	}
	backend := NewOK(t)
	s := NewSite(t, h, Settings(), edge("10.0.0.0/8"), backend.Address)
	arrive(t, s, backend, []edgeTest{
		{"nothing said", "", ours},
		{
			"Connection names ours",
			"Connection: x-real-ip, X-Forwarded-For, x-request-id\r\nConnection: CDN-Loop, X-Forwarded-Proto, Forwarded, close\r\n",
			ours,
		},
		{
			"Connection names theirs as well",
			"Connection: x-real-ip, X-Forwarded-For\r\nX-Real-Ip: 6.6.6.6\r\nX-Forwarded-For: 6.6.6.6\r\n",
			ours,
		},
		{"underscores", "X_Forwarded_For: 6.6.6.6\r\nx_real_ip: 6.6.6.6\r\nX_Request_Id: 6.6.6.6\r\nCDN_Loop: 6.6.6.6\r\n", ours},
		{"dots", "X.Forwarded.For: 6.6.6.6\r\nX.Real.Ip: 6.6.6.6\r\nX-Request.Id: 6.6.6.6\r\n", ours},
		{"other marks", "X~Forwarded~For: 6.6.6.6\r\nX!Real'Ip: 6.6.6.6\r\nX-Forwarded+Proto: 6.6.6.6\r\nX*Request|Id: 6.6.6.6\r\n", ours},
		{"a chain by way of who would be trusted", "X-Forwarded-For: 6.6.6.6, 10.0.0.1\r\nX-Forwarded-For: 10.0.0.2\r\n", ours},
		{"everything else", "X-Real-Ip: 6.6.6.6\r\nForwarded: for=6.6.6.6;proto=https\r\nX-Request-Id: 6.6.6.6\r\nProxy: 6.6.6.6\r\n", ours},
		{"site", "X-Forwarded-Host: 6.6.6.6\r\nX-Forwarded-Port: 443\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Server: 6.6.6.6\r\n", ours},
	})
}

func testTrusted(t *testing.T, h Harness) {
	chain := func(forwarded, client string) map[string]string {
		return map[string]string{"X-Forwarded-For": forwarded, "X-Real-Ip": client, "Forwarded": ""}
	}
	site := func(proto, host, port string) map[string]string {
		return map[string]string{"X-Forwarded-Proto": proto, "X-Forwarded-Host": host, "X-Forwarded-Port": port}
	}
	backend := NewOK(t)
	s := NewSite(t, h, Settings(), edge("127.0.0.1/32", "10.0.0.0/8"), backend.Address)
	arrive(t, s, backend, []edgeTest{
		{"nothing said", "", chain("127.0.0.1", "127.0.0.1")},
		{"the client is the rightmost who is not trusted", "X-Forwarded-For: 192.0.2.9, 192.0.2.7, 10.1.1.1\r\n", chain("192.0.2.9, 192.0.2.7, 10.1.1.1, 127.0.0.1", "192.0.2.7")},
		{"lines are one list", "X-Forwarded-For: 192.0.2.9\r\nX-Forwarded-For: 10.1.1.1\r\n", chain("192.0.2.9, 10.1.1.1, 127.0.0.1", "192.0.2.9")},
		{"the leftmost if all are", "X-Forwarded-For: 10.1.1.2,10.1.1.1\r\n", chain("10.1.1.2, 10.1.1.1, 127.0.0.1", "10.1.1.2")},
		{"IPv6 with a port", "X-Forwarded-For: [2001:db8::1]:443\r\n", chain(`\[2001:db8::1\]:443, 127.0.0.1`, "2001:db8::1")},
		{"what is no address ends the chain", "X-Forwarded-For: 192.0.2.9, a b, 10.1.1.1\r\n", chain("192.0.2.9, unknown, 10.1.1.1, 127.0.0.1", "10.1.1.1")},
		{"an alias is none", "X_Forwarded_For: 6.6.6.6\r\n", chain("127.0.0.1", "127.0.0.1")},
		{"X-Real-Ip is not believed", "X-Real-Ip: 6.6.6.6\r\n", chain("127.0.0.1", "127.0.0.1")},
		{"a chain beyond any buffer", "X-Forwarded-For: " + strings.Repeat("192.0.2.9, ", 200) + "192.0.2.7\r\n", chain("(192.0.2.9, ){30}192.0.2.7, 127.0.0.1", "192.0.2.7")},

		{"https", "X-Forwarded-Proto: https\r\n", site("https", "example.com:81", "81")},
		{"the last of several", "X-Forwarded-Proto: http, https\r\nX-Forwarded-Host: a, b:82\r\n", site("https", "b:82", "82")},
		{"a host without a port", "X-Forwarded-Host: shop.example\r\nX-Forwarded-Proto: https\r\n", site("https", "shop.example", "443")},
		{"a port", "X-Forwarded-Port: 444\r\nX-Forwarded-Proto: https\r\n", site("https", "example.com:81", "444")},
		{
			"what is none of these", "X-Forwarded-Proto: gopher\r\nX-Forwarded-Host: a/b\r\nX-Forwarded-Port: 70000\r\n",
			site("http", "example.com:81", "81"),
		},

		{
			"Forwarded goes on where it was begun", "Forwarded: for=192.0.2.9\r\n",
			map[string]string{"Forwarded": `for=192.0.2.9, for=127.0.0.1;host="example.com:81";proto=http`, "X-Real-Ip": "192.0.2.9", "X-Forwarded-For": "127.0.0.1"},
		},
		{"X-Forwarded-For wins", "Forwarded: for=192.0.2.9\r\nX-Forwarded-For: 192.0.2.7\r\n", map[string]string{"X-Real-Ip": "192.0.2.7"}},
	})
}

func testRequestIDs(t *testing.T, h Harness) {
	id := func(want string) map[string]string { return map[string]string{"X-Request-Id": want} }
	backend := NewOK(t)
	s := NewSite(t, h, Settings(), edge("127.0.0.1/32"), backend.Address)
	arrive(t, s, backend, []edgeTest{
		{"none", "", id(newID)},
		{"one of a trusted proxy", "X-Request-Id: a.1_b:c/d+e=f-G\r\n", id(`a\.1_b:c/d\+e=f-G`)},
		{"the longest", "X-Request-Id: " + strings.Repeat("x", 128) + "\r\n", id("x{128}")},
		{"one that is too long", "X-Request-Id: " + strings.Repeat("x", 129) + "\r\n", id(newID)},
		{"one with a space", "X-Request-Id: a b\r\n", id(newID)},
		{"one with a quote", "X-Request-Id: \"a\"\r\n", id(newID)},
		{"an empty one", "X-Request-Id:\r\n", id(newID)},
		{"two", "X-Request-Id: a\r\nX-Request-Id: b\r\n", id(newID)},
	})
}

func testUniqueIDs(t *testing.T, h Harness) {
	const requests = 100
	seen := make(chan string, requests)
	s := NewSite(t, h, Settings(), edge(), Serve(t, func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header.Get("X-Request-Id") }))
	conn := s.Dial(strings.Repeat("GET /lb/ HTTP/1.1\r\nHost: x\r\n\r\n", requests))
	r := bufio.NewReader(conn)
	ids := make(map[string]bool)
	for i := range requests {
		if answer, err := ReadAnswer(r); err != nil || answer.Status != 200 {
			t.Fatalf("answer %d: %v, %v", i, answer, err)
		}
		ids[<-seen] = true
	}
	if len(ids) != requests {
		t.Errorf("%d IDs for %d requests", len(ids), requests)
	}
}

func testNoIDs(t *testing.T, h Harness) {
	backend := NewOK(t)
	s := NewSite(t, h, Settings(), Options{}, backend.Address)
	for sent, want := range map[string]string{"": "", "X-Request-Id: a b\r\n": "a b"} {
		arrive(t, s, backend, []edgeTest{{fmt.Sprintf("%q", sent), sent, map[string]string{"X-Request-Id": want}}})
	}
}
