package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseCurve(t *testing.T) {
	const head = "Seconds,Closed,Pending,Connected,Service Available\n"
	tests := []struct {
		name, text string
		want       curve
	}{
		{"held for two seconds", head + "0,0,1,0,100\n1,0,0,100,100\n2,0,0,100,100\n3,100,0,0,100\n", curve{opened: 100, held: 2 * time.Second}},
		{"opened and cut bit by bit", head + "0,0,1,0,100\n1,0,1,50,100\n2,0,0,100,100\n3,50,0,50,100\n", curve{opened: 100, held: 2 * time.Second}},
		{"not all opened", head + "0,0,1,0,100\n1,0,90,10,0\n2,4,90,6,0\n", curve{opened: 10, held: 1600 * time.Millisecond}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseCurve(tt.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(curve{})); diff != "" {
				t.Errorf("parseCurve() (-want +got):\n%s", diff)
			}
		})
	}
	for _, bad := range []string{"", head, head + "0,0,1,0,100\n", head + "0,x,1,0,100\n", head + "0,0\n", "Seconds,Closed\n0,1\n", "a,b,c,d\n0,0,0,9\n"} {
		if got, err := parseCurve(bad); err == nil {
			t.Errorf("parseCurve(%q) = %+v, want an error", bad, got)
		}
	}
}

func FuzzParseCurve(f *testing.F) {
	f.Add("Seconds,Closed,Pending,Connected,Service Available\n0,0,1,0,100\n1,3,0,100,100\n")
	f.Fuzz(func(t *testing.T, text string) {
		if c, err := parseCurve(text); err == nil && c.opened <= 0 {
			t.Errorf("parseCurve(%q) = %+v without an error", text, c)
		}
	})
}

func TestParseGoroutines(t *testing.T) {
	const text = "# HELP go_goroutines Number of goroutines.\n# TYPE go_goroutines gauge\ngo_goroutines 29\ngo_threads 5\n"
	if got, err := parseGoroutines(text); err != nil || got != 29 {
		t.Errorf("parseGoroutines() = %d, %v, want 29", got, err)
	}
	for _, bad := range []string{"", "go_goroutines x\n", "# go_goroutines 3\n"} {
		if _, err := parseGoroutines(bad); err == nil {
			t.Errorf("parseGoroutines(%q) error = nil, want one", bad)
		}
	}
}

func TestParseOrphans(t *testing.T) {
	const text = "sockets: used 90\nTCP: inuse 27 orphan 12 tw 14 alloc 29 mem 3\nUDP: inuse 2 mem 0\n"
	if got, err := parseOrphans(text); err != nil || got != 12 {
		t.Errorf("parseOrphans() = %d, %v, want 12", got, err)
	}
	for _, bad := range []string{"", "UDP: inuse 2 orphan 0\n", "TCP: inuse 27 orphan\n", "TCP: orphan x\n"} {
		if _, err := parseOrphans(bad); err == nil {
			t.Errorf("parseOrphans(%q) error = nil, want one", bad)
		}
	}
}

func TestParseFlags(t *testing.T) {
	s, err := parseFlags([]string{"-parts", "slow,attacks", "-streams", "3"})
	if err != nil || strings.Join(s.parts, " ") != "slow attacks" || s.streams != 3 || s.connections != 1000 {
		t.Errorf("parseFlags() = %+v, %v, want two parts, 3 streams and the default of connections", s, err)
	}
	for _, bad := range []string{"-parts=fast", "-parts=", "-streams=0", "-rounds=-1", "-calm=1ms", "more"} {
		if _, err := parseFlags([]string{bad}); err == nil {
			t.Errorf("parseFlags(%q) error = nil, want one", bad)
		}
	}
}

func TestPartNames_are_all(t *testing.T) {
	var got []string
	for _, p := range parts {
		got = append(got, p.name)
	}
	if diff := cmp.Diff(partNames(), got); diff != "" {
		t.Errorf("parts (-named +there):\n%s", diff)
	}
}

func TestCheckMachine_says_how_to_install(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if err := checkMachine(settings{parts: []string{partAttacks}}); err == nil || !strings.Contains(err.Error(), "util-linux") {
		t.Errorf("checkMachine() without any tools = %v, want the package to install", err)
	}
}
