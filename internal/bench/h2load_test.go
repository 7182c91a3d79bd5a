package main

import (
	"slices"
	"testing"
	"time"
)

const h2loadHead = "TLS Protocol: TLSv1.3\nCipher: TLS_AES_128_GCM_SHA256\nApplication protocol: h2\n\n"

func TestParseH2load(t *testing.T) {
	const status = "status codes: 24065 2xx, 0 3xx, 0 4xx, 0 5xx\n"
	const clean = "finished in 2.05s, 12032.50 req/s, 834.33KB/s\n" +
		"requests: 24065 total, 24265 started, 24065 done, 24065 succeeded, 0 failed, 0 errored, 0 timeout\n"
	tests := []struct {
		name, out string
		want      load
	}{
		{"clean", h2loadHead + clean + status, load{requests: 24065, took: 2050 * time.Millisecond}},
		{
			"answered 503", h2loadHead + clean + "status codes: 24000 2xx, 0 3xx, 0 4xx, 65 5xx\n",
			load{requests: 24065, failed: 65, took: 2050 * time.Millisecond},
		},
		{
			"not answered", h2loadHead + "finished in 900.00ms, 1 req/s, 1B/s\n" +
				"requests: 30 total, 30 started, 20 done, 20 succeeded, 5 failed, 10 errored, 1 timeout\nstatus codes: 20 2xx, 0 3xx, 0 4xx, 0 5xx\n",
			load{requests: 20, failed: 10, took: 900 * time.Millisecond},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := parseH2load(tt.out); err != nil || got != tt.want {
				t.Errorf("parseH2load() = %+v, %v, want %+v", got, err, tt.want)
			}
		})
	}
	for _, bad := range []string{
		"", clean + status, "Application protocol: http/1.1\n" + clean + status, h2loadHead + clean, h2loadHead + status,
	} {
		if _, err := parseH2load(bad); err == nil {
			t.Errorf("parseH2load(%q) error = nil, want one", bad)
		}
	}
}

func TestParseH2loadLog(t *testing.T) {
	got, err := parseH2loadLog("1795407957145972\t200\t1000\n1795407957145973\t200\t1000\n1795407957145973\t200\t9000\n")
	if err != nil || got.Count != 3 || got.Sum != 11*time.Millisecond {
		t.Errorf("parseH2loadLog() = %d in %s, %v, want 3 in 11ms", got.Count, got.Sum, err)
	}
	for _, bad := range []string{"1\t200\n", "1\t200\tsoon\n"} {
		if _, err := parseH2loadLog(bad); err == nil {
			t.Errorf("parseH2loadLog(%q) error = nil, want one", bad)
		}
	}
}

func TestH2loadArgs(t *testing.T) {
	o := loadOrder{url: "https://127.0.0.1:1/", connections: 4, streams: 100, duration: 3 * time.Second, headers: []string{"A: b"}}
	want := []string{"--clients", "4", "--max-concurrent-streams", "100", "--duration", "3", "--header", "A: b", o.url}
	if got := h2loadArgs(o); !slices.Equal(got, want) {
		t.Errorf("h2loadArgs() = %q, want %q", got, want)
	}
}
