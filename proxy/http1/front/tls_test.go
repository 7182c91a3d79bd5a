package front_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy/fronttest"
)

// certify makes a certificate for the loopback address. It returns what a server and what its clients need.
func certify(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	known := x509.NewCertPool()
	known.AddCert(leaf)
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, NextProtos: []string{"h2", "http/1.1"},
	}, &tls.Config{RootCAs: known}
}

// newSecure is a site that speaks TLS. What it hands over is served by net/http, and shown to see.
func newSecure(t *testing.T, see func(net.Conn), backend string) (*fronttest.Site, *tls.Config) {
	t.Helper()
	server, client := certify(t)
	h := both(func(l net.Listener) net.Listener { return tls.NewListener(l, server) }, tell, see)
	return fronttest.NewSite(t, h, fronttest.Settings(), fronttest.Options{}, backend), client
}

// tell answers what net/http knows of a request, as backends do.
func tell(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	fmt.Fprintf(w, "%s HTTP/%d TLS %t for %s:%s", r.URL.Path, r.ProtoMajor, r.TLS != nil,
		r.Header.Get("X-Forwarded-Proto"), r.Header.Get("X-Forwarded-Port"))
}

func TestFront_speaks_HTTP_1_over_TLS(t *testing.T) {
	for name, offer := range map[string][]string{"chosen": {"http/1.1"}, "without a choice": nil} {
		t.Run(name, func(t *testing.T) {
			s, config := newSecure(t, func(net.Conn) { t.Error("the connection was handed over") }, fronttest.Serve(t, tell))
			config.NextProtos, config.ServerName = offer, "127.0.0.1"
			conn := tls.Client(s.Dial(""), config)
			r := bufio.NewReader(conn)
			const body = 200_000
			for _, request := range []string{
				"GET /lb/a HTTP/1.1\r\nHost: example.com\r\n\r\n",
				fmt.Sprintf("POST /lb/a HTTP/1.1\r\nHost: example.com\r\nContent-Length: %d\r\n\r\n%s", body, strings.Repeat("x", body)),
				"GET /lb/a HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n",
			} {
				fmt.Fprint(conn, request)
				answer, err := fronttest.ReadAnswer(r)
				if want := "/a HTTP/1 TLS false for https:443"; err != nil || answer.Status != 200 || answer.Body != want {
					t.Errorf("answer %v, %v, want 200 %s", answer, err, want)
				}
			}
			if rest, err := io.ReadAll(r); err != nil || len(rest) != 0 {
				t.Errorf("then %q, %v, want the end as TLS announces it", rest, err)
			}
			s.WantCounts(3, 0, 0)
		})
	}
}

// Who chooses HTTP/2 is handed over before anything is read, on a connection that net/http knows.
func TestFront_hands_over_HTTP_2_over_TLS(t *testing.T) {
	handed := make(chan net.Conn, 4)
	s, config := newSecure(t, func(c net.Conn) { handed <- c }, fronttest.Serve(t, tell))
	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport, Timeout: fronttest.Patience}
	port := s.Address[strings.LastIndex(s.Address, ":")+1:]
	for path, want := range map[string]string{
		"/lb/a":      "/a HTTP/1 TLS false for https:" + port,
		"/elsewhere": "/elsewhere HTTP/2 TLS true for :",
	} {
		answer, err := fronttest.Do(client, fronttest.Request(t, "POST", "https://"+s.Address+path, strings.NewReader("body")))
		if err != nil || answer.Status != 200 || answer.Body != want {
			t.Errorf("answer %v, %v, want 200 %s", answer, err, want)
		}
	}
	conn := <-handed
	if _, ok := conn.(*tls.Conn); !ok || len(handed) != 0 {
		t.Errorf("%T and %d more were handed over, want one *tls.Conn", conn, len(handed))
	}
	s.WantCounts(1, 0, 0)
}

// What is handed over later, with what was read, is known to speak TLS nevertheless.
func TestFront_hands_over_what_is_not_for_a_pool_over_TLS(t *testing.T) {
	s, config := newSecure(t, func(net.Conn) {}, fronttest.Serve(t, tell))
	config.NextProtos, config.ServerName = []string{"http/1.1"}, "127.0.0.1"
	conn := tls.Client(s.Dial(""), config)
	r := bufio.NewReader(conn)
	for _, tt := range []struct{ path, want string }{
		{"/lb/a", "/a HTTP/1 TLS false for https:443"},
		{"/elsewhere", "/elsewhere HTTP/1 TLS true for :"},
		{"/lb/b", "/b HTTP/1 TLS false for https:443"}, // By net/http, which has the connection now.
	} {
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: example.com\r\nContent-Length: 4\r\n\r\nbody", tt.path)
		if answer, err := fronttest.ReadAnswer(r); err != nil || answer.Status != 200 || answer.Body != tt.want {
			t.Errorf("answer %v, %v, want 200 %s", answer, err, tt.want)
		}
	}
	conn.Close()
	s.WantCounts(2, 0, 0)
}

// A pool with a backend that this front can't speak to is net/http's as a whole.
func TestFront_hands_over_pools_that_speak_otherwise(t *testing.T) {
	tests := []struct {
		name, scheme string
		start        func(*httptest.Server)
		want         string
	}{
		{"https", containers.SchemeHTTPS, (*httptest.Server).StartTLS, "/a HTTP/1 TLS true for http:80"},
		{"h2c", containers.SchemeH2C, func(s *httptest.Server) {
			s.Config.Protocols = new(http.Protocols)
			s.Config.Protocols.SetUnencryptedHTTP2(true)
			s.Start()
		}, "/a HTTP/2 TLS false for http:80"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			backend := httptest.NewUnstartedServer(http.HandlerFunc(tell))
			tt.start(backend)
			t.Cleanup(backend.Close)
			handed := make(chan net.Conn, 4)
			s := fronttest.NewSite(t, both(nil, tell, func(c net.Conn) { handed <- c }), fronttest.Settings(), fronttest.Options{},
				fronttest.Serve(t, tell))
			conn := s.Dial("")
			r := bufio.NewReader(conn)
			ask := func() string {
				fmt.Fprint(conn, "POST /lb/a HTTP/1.1\r\nHost: example.com\r\nContent-Length: 4\r\n\r\nbody")
				answer, err := fronttest.ReadAnswer(r)
				if err != nil || answer.Status != 200 {
					t.Errorf("answer %v, %v, want 200", answer, err)
				}
				return answer.Body
			}
			plain := "/a HTTP/1 TLS false for http:80"
			if got := ask(); got != plain || len(handed) != 0 {
				t.Errorf("%q, and %d handed over, want %q and none", got, len(handed), plain)
			}
			other := fronttest.Spec("b", backend.Listener.Addr().String())
			other.Scheme = tt.scheme
			s.Backends = append(s.Backends, other)
			s.Apply()
			got := map[string]int{ask(): 1}
			got[ask()]++
			if got[plain] != 1 || got[tt.want] != 1 || len(handed) != 1 {
				t.Errorf("%v, and %d handed over, want one of each backend, over one that was", got, len(handed))
			}
			conn.Close()
			s.WantCounts(3, 0, 0)
		})
	}
}
