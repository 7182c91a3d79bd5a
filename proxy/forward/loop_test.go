package forward_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/ballast-lb/ballast/proxy/forward"
)

var us = forward.Loop{Token: "ballast-0a1b2c3d"}

func TestNewLoop(t *testing.T) {
	a, b := forward.NewLoop("web"), forward.NewLoop("web")
	if form := regexp.MustCompile("^ballast-[0-9a-f]{8}$"); !form.MatchString(a.Token) {
		t.Errorf("NewLoop() = %q", a.Token)
	}
	// Equal with a probability of 2^-32.
	if a == b {
		t.Errorf("two instances are both %q", a.Token)
	}
}

func TestPasses(t *testing.T) {
	tests := []struct {
		name  string
		lines []string
		want  int
	}{
		{"none", nil, 0},
		{"others", []string{"fastly, ballast-00000000", "a.example:80"}, 0},
		{"once", []string{"fastly, ballast-0a1b2c3d"}, 1},
		{"parameters", []string{`ballast-0a1b2c3d ; trace="a" , fastly;x=ballast-0a1b2c3d`}, 1},
		{"over lines", []string{"ballast-0a1b2c3d", "x,ballast-0a1b2c3d,y", " BALLAST-0A1B2C3D"}, 3},
		{"part of another", []string{"ballast-0a1b2c3d4, xballast-0a1b2c3d"}, 0},
		{"a quote that a client opens hides nothing", []string{`x;y=", ballast-0a1b2c3d`}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := forward.Passes(us, tt.lines); got != tt.want {
				t.Errorf("Passes(%q) = %d, want %d", tt.lines, got, tt.want)
			}
			if got := forward.Passes(us, asBytes(tt.lines)); got != tt.want {
				t.Errorf("Passes(%q) = %d of bytes, want %d", tt.lines, got, tt.want)
			}
		})
	}
}

func TestAppendLoop(t *testing.T) {
	tests := []struct {
		name  string
		lines []string
		want  string
	}{
		{"the first", nil, "ballast-0a1b2c3d"},
		{"behind others", []string{`a.example;x="y" ,b`, "c:80"}, `a.example;x="y", b, c:80, ballast-0a1b2c3d`},
		{"once more", []string{"ballast-0a1b2c3d"}, "ballast-0a1b2c3d, ballast-0a1b2c3d"},
		{"what no field has", []string{"a\r\nX: b, c, \x00, \xff,,"}, "c, ballast-0a1b2c3d"},
		{"too many", []string{"x," + strings.Repeat("a,", 31)}, strings.Repeat("a, ", 31) + "ballast-0a1b2c3d"},
		{"too long", []string{"a", strings.Repeat("b", 1010)}, "ballast-0a1b2c3d"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(forward.AppendLoop([]byte("x"), tt.lines, us)); got != "x"+tt.want {
				t.Errorf("AppendLoop(%q) = %q, want %q", tt.lines, got, "x"+tt.want)
			}
		})
	}
	t.Run("is found however long it loops", func(t *testing.T) {
		lines := []string{`hostile;x="`}
		for n := range 100 {
			if got, want := forward.Passes(us, lines), min(n, 32); got != want {
				t.Fatalf("Passes() = %d after %d rounds, want %d", got, n, want)
			}
			lines = []string{string(forward.AppendLoop(nil, lines, us))}
		}
	})
}
