package main

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestScreen_during(t *testing.T) {
	for _, tt := range []struct {
		name     string
		terminal bool
		columns  int
		takes    time.Duration
		want     []string
	}{
		{"short", true, 80, quietFor - time.Millisecond, nil},
		{"no terminal", false, 0, time.Minute, nil},
		{"long", true, 80, quietFor + pollEvery + time.Millisecond, []string{"3 of 9, for 1s", "3 of 9, for 1s", ""}},
		{"narrow", true, 11, quietFor + time.Millisecond, []string{"3 of 9, fo", ""}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				s := &screen{out: &out, terminal: tt.terminal, size: func() (int, int) { return tt.columns, 24 }}
				stop := s.during(func() string { return "3 of 9" })
				time.Sleep(tt.takes) // Of the bubble's clock.
				stop()
				got := strings.Split(out.String(), "\r"+clearLine)[1:]
				if strings.Join(got, "|") != strings.Join(tt.want, "|") {
					t.Errorf("told %q, want %q", got, tt.want)
				}
			})
		})
	}
}

// The progress names the run that has begun last, and counts those that have ended.
func TestSimulate_progress(t *testing.T) {
	s, err := parseSimulation([]string{traceFile(t), "--policy=kpa,hpa", "--seeds=2", "--seed=7"})
	if err != nil {
		t.Fatal(err)
	}
	progress := &runs{of: 4}
	var told []string
	outcomes, err := s.compare(t.Context(), progress, func() { told = append(told, progress.String()) })
	if err != nil || len(outcomes) != 2 {
		t.Fatalf("compare() = %d outcomes, %v", len(outcomes), err)
	}
	if len(told) != 4 || !strings.HasPrefix(told[0], "1 of 4 runs, at policy ") || !strings.HasPrefix(told[3], "4 of 4 runs, at policy hpa with seed 8") {
		t.Errorf("told %q", told)
	}
}
