package engine

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestLines(t *testing.T) {
	long := strings.Repeat("x", 3*MaxLogLine)
	tests := []struct {
		name  string
		parts []string
		want  []string
	}{
		{"nothing", nil, nil},
		{"whole lines", []string{"a\nb\n\nc\n"}, []string{"a", "b", "", "c"}},
		{"in parts", []string{"a", "b", "\nc", "\n"}, []string{"ab", "c"}},
		{"of a terminal", []string{"a\r\nb\r", "\n"}, []string{"a", "b"}},
		{"without an end", []string{"a\nb"}, []string{"a", "b"}},
		{"too long", []string{long + "\nb\n"}, []string{long[:MaxLogLine], "b"}},
		{"too long, in parts", []string{long[:MaxLogLine-1], long, long, "\nb\n", long}, []string{long[:MaxLogLine], "b", long[:MaxLogLine]}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			l := Lines{Emit: func(line string) error { got = append(got, line); return nil }, Max: MaxLogLine}
			for _, part := range tt.parts {
				if n, err := l.Write([]byte(part)); n != len(part) || err != nil {
					t.Fatalf("Write() = %d, %v, want %d", n, err, len(part))
				}
			}
			if err := l.End(); err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("lines = %.200q, %v, want %.200q", got, err, tt.want)
			}
		})
	}
}

func TestLines_ends_with_who_takes_them(t *testing.T) {
	enough := errors.New("enough")
	taken := 0
	l := Lines{Emit: func(string) error { taken++; return enough }, Max: 10}
	if _, err := l.Write([]byte("a\nb\n")); !errors.Is(err, enough) || taken != 1 {
		t.Errorf("Write() = %v after %d lines, want the error of the first", err, taken)
	}
}
