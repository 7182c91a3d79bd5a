package main

import (
	"bytes"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRun_refuses_bad_settings(t *testing.T) {
	tests := [][]string{
		{"-rounds", "0"},
		{"-backends", "0"},
		{"-duration", "10ms"},
		{"-scenarios", "small,huge"},
		{"small"},
		{loadCommand, "not a URL"},
		{reverseProxyCommand},
		{loadCommand, "-rate", "-1", "http://127.0.0.1:1"},
		{loadCommand, "-rate", "10", "-close", "http://127.0.0.1:1"},
		{originCommand},
		{originCommand, "no port"},
		{originCommand, "0", "soon"},
	}
	for _, args := range tests {
		if err := run(t.Context(), args, new(bytes.Buffer)); err == nil {
			t.Errorf("run(%q) error = nil, want one", args)
		}
	}
}
