package certs

import (
	"testing"
	"time"
)

func TestJob_due(t *testing.T) {
	now := time.Now()
	tests := []struct {
		name  string
		done  bool
		again time.Time
		want  bool
	}{
		{name: "at work"},
		{name: "done", done: true},
		{name: "failed just now", done: true, again: now.Add(retryAfter)},
		{name: "failed an hour ago", done: true, again: now.Add(-time.Second), want: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			j := &job{done: make(chan struct{}), again: tt.again}
			if tt.done {
				close(j.done)
			}
			if got := j.due(now); got != tt.want {
				t.Errorf("due() = %t, want %t", got, tt.want)
			}
		})
	}
}
