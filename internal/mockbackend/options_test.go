package mockbackend

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestOptionsFromEnv(t *testing.T) {
	tests := []struct {
		name string
		env  map[string]string
		want Options
	}{
		{"nothing set", nil, Options{Weight: 1, Listen: DefaultListen}},
		{
			"everything set",
			map[string]string{
				EnvName: "web-a", EnvWeight: "3", EnvLatency: "50ms", EnvSlots: "4",
				EnvBootDelay: "2s", EnvFailureRate: "0.05", EnvListen: "127.0.0.1:9000", EnvH2C: "true",
			},
			Options{
				Name: "web-a", Weight: 3, Latency: 50 * time.Millisecond, Slots: 4,
				BootDelay: 2 * time.Second, FailureRate: 0.05, Listen: "127.0.0.1:9000", H2C: true,
			},
		},
		{
			"lowest values",
			map[string]string{EnvWeight: "0", EnvLatency: "0", EnvSlots: "0", EnvFailureRate: "0", EnvListen: ":0"},
			Options{Listen: ":0"},
		},
		{"certain failure", map[string]string{EnvFailureRate: "1"}, Options{Weight: 1, FailureRate: 1, Listen: DefaultListen}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := OptionsFromEnv(func(key string) string { return tt.env[key] })
			if err != nil {
				t.Fatalf("OptionsFromEnv() error = %v", err)
			}
			if diff := cmp.Diff(tt.want, got, cmp.FilterPath(isExit, cmp.Ignore())); diff != "" {
				t.Errorf("OptionsFromEnv() (-want +got):\n%s", diff)
			}
		})
	}
}

func isExit(p cmp.Path) bool { return p.String() == "Exit" }

func TestOptionsFromEnv_names_what_is_wrong(t *testing.T) {
	tests := []struct{ key, value, remedy string }{
		{EnvWeight, "heavy", "whole number from 0 to 256"},
		{EnvWeight, "257", "whole number from 0 to 256"},
		{EnvWeight, "-1", "whole number from 0 to 256"},
		{EnvLatency, "50", "duration such as 50ms"},
		{EnvLatency, "-1s", "not below 0"},
		{EnvSlots, "4.5", "whole number from 0"},
		{EnvBootDelay, "soon", "duration such as 50ms"},
		{EnvFailureRate, "5%", "share from 0 (never) to 1"},
		{EnvFailureRate, "1.01", "share from 0 (never) to 1"},
		{EnvFailureRate, "NaN", "share from 0 (never) to 1"},
		{EnvH2C, "yes", "true or false"},
		{EnvListen, "8080", "address such as :8080"},
		{EnvListen, ":http", "address such as :8080"},
		{EnvListen, ":70000", "address such as :8080"},
	}
	for _, tt := range tests {
		t.Run(tt.key+"="+tt.value, func(t *testing.T) {
			_, err := OptionsFromEnv(func(key string) string {
				if key == tt.key {
					return tt.value
				}
				return ""
			})
			if err == nil {
				t.Fatal("OptionsFromEnv() error = nil, want one")
			}
			for _, part := range []string{tt.key, `"` + tt.value + `"`, tt.remedy} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("OptionsFromEnv() error = %q, want %q in it", err, part)
				}
			}
		})
	}
}

func TestOptionsFromEnv_reports_all_problems_at_once(t *testing.T) {
	_, err := OptionsFromEnv(func(string) string { return "wrong" })
	if err == nil {
		t.Fatal("OptionsFromEnv() error = nil, want one")
	}
	for _, key := range []string{EnvWeight, EnvLatency, EnvSlots, EnvBootDelay, EnvFailureRate, EnvListen, EnvH2C} {
		if !strings.Contains(err.Error(), key) {
			t.Errorf("OptionsFromEnv() error = %q, want %s in it", err, key)
		}
	}
}
