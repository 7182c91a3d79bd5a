package main

import (
	"slices"
	"testing"
	"time"
)

func TestParseWrk(t *testing.T) {
	const head = "Running 3s test @ http://127.0.0.1:1/\n  1 threads and 64 connections\n" +
		"  Thread Stats   Avg      Stdev     Max   +/- Stdev\n    Latency     2.30ms    3.10ms  45.00ms   50.00%\n"
	const spread = "  Latency Distribution\n     50%    1.86ms\n     75%    2.10ms\n     90%  980.00us\n     99%    1.02s\n"
	const half, last = 1860 * time.Microsecond, 1020 * time.Millisecond
	tests := []struct {
		name, out string
		want      load
	}{
		{
			"clean",
			head + spread + "  30518 requests in 3.00s, 8.09MB read\nRequests/sec:  10166.71\n",
			load{requests: 30518, took: 3 * time.Second, p50: half, p99: last},
		},
		{"a minute", head + spread + "  600 requests in 1.00m, 1MB read\n", load{requests: 600, took: time.Minute, p50: half, p99: last}},
		{
			"failures",
			head + spread + "  90 requests in 500.00ms, 1MB read\n  Socket errors: connect 1, read 2, write 3, timeout 4\n" +
				"  Non-2xx or 3xx responses: 5\n",
			load{requests: 90, failed: 15, took: 500 * time.Millisecond, p50: half, p99: last},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := parseWrk(tt.out); err != nil || got != tt.want {
				t.Errorf("parseWrk() = %+v, %v, want %+v", got, err, tt.want)
			}
		})
	}
	for _, bad := range []string{"unable to connect", head + "  600 requests in 1.00m, 1MB read\n", head + spread} {
		if _, err := parseWrk(bad); err == nil {
			t.Errorf("parseWrk(%q) error = nil, want one", bad)
		}
	}
}

func TestWrkArgs(t *testing.T) {
	o := loadOrder{url: "http://127.0.0.1:1/", connections: 16, duration: 3 * time.Second}
	want := []string{"--threads", "1", "--latency", "--connections", "16", "--duration", "3s", o.url}
	if got := wrkArgs(o); !slices.Equal(got, want) {
		t.Errorf("wrkArgs() = %q, want %q", got, want)
	}
	o.closes = true
	want = slices.Insert(want, len(want)-1, "--header", "Connection: close")
	if got := wrkArgs(o); !slices.Equal(got, want) {
		t.Errorf("wrkArgs() of connections that close = %q, want %q", got, want)
	}
	o.headers = []string{"Host: a"}
	want = slices.Insert(want, len(want)-1, "--header", "Host: a")
	if got := wrkArgs(o); !slices.Equal(got, want) {
		t.Errorf("wrkArgs() with a field = %q, want %q", got, want)
	}
}
