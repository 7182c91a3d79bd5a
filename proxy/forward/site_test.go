package forward_test

import (
	"strings"
	"testing"

	"github.com/ballast-lb/ballast/proxy/forward"
)

func TestProto(t *testing.T) {
	tests := []struct {
		line      string
		https, ok bool
	}{
		{"https", true, true},
		{"http", false, true},
		{" HTTPS ", true, true},
		{"wss", true, true},
		{"ws", false, true},
		{"https, http", false, true},
		{"http,https", true, true},
		{"https,", false, false},
		{"", false, false},
		{"https://", false, false},
		{"ftp", false, false},
	}
	for _, tt := range tests {
		t.Run(tt.line, func(t *testing.T) {
			if https, ok := forward.Proto(tt.line); https != tt.https || ok != tt.ok {
				t.Errorf("Proto(%q) = %t, %t, want %t, %t", tt.line, https, ok, tt.https, tt.ok)
			}
		})
	}
}

func TestPort(t *testing.T) {
	for line, want := range map[string]string{
		"443": "443", "80, 8443 ": "8443", "1": "1", "65535": "65535",
		"": "", "0": "", "080": "", "65536": "", "+80": "", "80 80": "", "443,": "", "http": "", "100000": "",
	} {
		t.Run(line, func(t *testing.T) {
			if got, ok := forward.Port([]byte(line)); string(got) != want || ok != (want != "") {
				t.Errorf("Port(%q) = %q, %t, want %q", line, got, ok, want)
			}
		})
	}
}

func TestHost(t *testing.T) {
	long := strings.Repeat("a", 255)
	for line, want := range map[string]string{
		"example.com": "example.com", "a.example, b.example:81": "b.example:81", "[2001:db8::1]:80": "[2001:db8::1]:80", "[::1]": "[::1]",
		"192.0.2.1": "192.0.2.1", long + ":80": long + ":80",
		"": "", "a b": "", ":80": "", "a:": "", "a:65536": "", "2001:db8::1": "", "[::1": "", "[::1]a": "", "[192.0.2.1]": "", "[]": "", "a/b": "", "a@b": "",
		"<script>": "", "a\r\nb": "", "\xff": "", "a,": "", long + long: "", "[fe80::1%eth0]": "",
	} {
		t.Run(line, func(t *testing.T) {
			if got, ok := forward.Host(line); got != want || ok != (want != "") {
				t.Errorf("Host(%q) = %q, %t, want %q", line, got, ok, want)
			}
		})
	}
}
