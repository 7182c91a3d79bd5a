package main

import (
	"strings"
	"testing"

	"github.com/ballast-lb/ballast/internal/child"
)

func TestFit(t *testing.T) {
	tests := []struct{ connections, limit, want int }{
		{10_000, 20_000, 10_000},
		{10_000, 10_500, 10_000},
		{10_000, 4096, 3596},
	}
	for _, tt := range tests {
		got, notice := fit(tt.connections, tt.limit)
		if got != tt.want || (notice == "") != (got == tt.connections) {
			t.Errorf("fit(%d, %d) = %d, %q, want %d and a notice if that is fewer", tt.connections, tt.limit, got, notice, tt.want)
		}
	}
}

func TestOpenIdle_leaves_served_connections_open(t *testing.T) {
	url := "http://" + startResponder(t) + "/bytes?n=126"
	conns, err := openIdle(t.Context(), url, 200)
	if err != nil || len(conns) != 200 {
		t.Fatalf("openIdle() = %d connections, %v, want 200", len(conns), err)
	}
	for _, conn := range conns {
		if _, err := conn.Write([]byte("GET / HTTP/1.1\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		answer := make([]byte, 15)
		if _, err := conn.Read(answer); err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 200 OK") {
			t.Fatalf("a second answer = %q, %v, want 200", answer, err)
		}
		conn.Close()
	}
	address, err := child.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	if conns, err := openIdle(t.Context(), "http://"+address, 10); err == nil || len(conns) != 0 {
		t.Errorf("openIdle() where nobody listens = %d connections, %v, want none and an error", len(conns), err)
	}
}
