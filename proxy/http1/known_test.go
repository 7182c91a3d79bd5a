package http1_test

import (
	"testing"

	"github.com/ballast-lb/ballast/proxy/http1"
)

func TestRequest_Known(t *testing.T) {
	tests := []struct{ name, head, want string }{
		{"nothing", "\x00", "||||"},
		{"a method that is none", "get / HTTP/1.1\r\n\r\n", "||||"},
		{"a target that is none", "GET /\xff HTTP/1.1\r\n\r\n", "GET||||"},
		{"the request line", "GET /a?b HTTP/1.1\r\nX\x00: a\r\n\r\n", "GET|/a?b|/a||HTTP/1.1"},
		{"a host", "GET /a?b HTTP/1.0\r\nHost: x:81\r\nExpect: y\r\n\r\n", "GET|/a?b|/a|x:81|HTTP/1.0"},
		{"a host that is none", "GET / HTTP/1.1\r\nHost: x y\r\n\r\n", "GET|/|/||HTTP/1.1"},
		{"two hosts", "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "GET|/|/||HTTP/1.1"},
		{"the target's host", "GET http://x/a HTTP/1.1\r\nHost: y\r\n\r\n", "GET|http://x/a|/a|x|HTTP/1.1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var r http1.Request
			if n, err := r.Parse([]byte(tt.head)); err == nil {
				t.Fatalf("Parse() took %d bytes of it", n)
			}
			k := r.Known()
			got := string(k.Method) + "|" + string(k.Target) + "|" + string(k.Path) + "|" + string(k.Host) + "|" + k.Protocol
			if got != tt.want {
				t.Errorf("Known() = %s, want %s", got, tt.want)
			}
		})
	}
}
