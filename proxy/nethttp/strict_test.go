package nethttp

import (
	"bufio"
	"bytes"
	"net/http"
	"net/url"
	"testing"
)

func request2(method, target, host string) *http.Request {
	return &http.Request{Method: method, RequestURI: target, Host: host, URL: &url.URL{}, Header: http.Header{}, ProtoMajor: 2}
}

// FuzzStrict: what is allowed is one request, of that method, target and host, for who reads it as HTTP/1.1.
func FuzzStrict(f *testing.F) {
	f.Add("GET", "/a?b", "example.com:81", "5")
	f.Add("GET / HTTP/1.1\r\nx:", "/", "x", "")
	f.Add("GET", "/a?b HTTP/1.1", "x", "")
	f.Add("GET", "/a\r\nx: y", "a b", "+1")
	f.Add("OPTIONS", "*", "[::1]:1", "0")
	f.Fuzz(func(t *testing.T, method, target, host, length string) {
		var s strict
		r := request2(method, target, host)
		if length != "" {
			r.Header["Content-Length"] = []string{length}
		}
		if !s.allows(r) {
			return
		}
		var b bytes.Buffer
		b.WriteString(method + " " + target + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n")
		got, err := http.ReadRequest(bufio.NewReader(&b))
		if err != nil {
			t.Skip("net/http refuses more") // Such as a target that url.URL can't hold.
		}
		if got.Method != method || got.RequestURI != target || len(got.Header) != 0 {
			t.Errorf("%q %q %q is read as %q %q with %v", method, target, host, got.Method, got.RequestURI, got.Header)
		}
	})
}

func TestStrict_keeps_nothing_of_the_request_before(t *testing.T) {
	var s strict
	for range 3 {
		if s.allows(request2("GET", "/a", "a b")) {
			t.Error("allows() a host with a space")
		}
		if !s.allows(request2("GET", "/a", "a")) {
			t.Error("allows() not a plain request after it")
		}
	}
}

func BenchmarkStrict(b *testing.B) {
	var s strict
	r := request2("GET", "/lb/some/path?with=a&query=b", "example.com")
	b.ReportAllocs()
	for b.Loop() {
		if !s.allows(r) {
			b.Fatal("refused")
		}
	}
}
