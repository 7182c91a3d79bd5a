package telemetry

import "testing"

func TestAsksForText(t *testing.T) {
	tests := []struct {
		name, accept string
		want         bool
	}{
		{"nothing", "", false},
		{"curl", "*/*", false},
		{"a browser", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", false},
		{"Prometheus", "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1", true},
		{"Prometheus 3", "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=1.0.0;q=0.4,*/*;q=0.2", true},
		{"text", "text/plain", true},
		{"a JSON client that takes text too", "application/json, text/plain, */*", false},
		{"JSON if need be", "text/plain, application/json;q=0.5", true},
		{"refused", "text/plain;q=0", false},
		{"rubbish", "text/plain;q=x, ;;;, /", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := AsksForText(tt.accept); got != tt.want {
				t.Errorf("AsksForText(%q) = %t, want %t", tt.accept, got, tt.want)
			}
		})
	}
}
