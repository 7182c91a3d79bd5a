package dashboard

import (
	"testing"
	"time"
)

func TestCount(t *testing.T) {
	for in, want := range map[int64]string{
		0: "0", 999: "999", 1000: "1,000", 1_234_567: "1,234,567", 9_999_999: "9,999,999",
		12_345_678: "12.3 M", 987_654_321: "987.7 M", 12_345_678_901: "12.35 G", -1234: "-1,234", -999: "-999",
	} {
		if got := count(in); got != want {
			t.Errorf("count(%d) = %q, want %q", in, got, want)
		}
	}
}

func TestRate(t *testing.T) {
	for in, want := range map[float64]string{0: "0.0", 0.44: "0.4", 412.64: "412.6", 1999.6: "2,000"} {
		if got := rate(in); got != want {
			t.Errorf("rate(%g) = %q, want %q", in, got, want)
		}
	}
}

func TestLatency(t *testing.T) {
	for in, want := range map[float64]string{
		0: none, 0.004: "0.00 ms", 0.84: "0.84 ms", 12.44: "12.4 ms", 123.4: "123 ms", 1340: "1.34 s",
	} {
		if got := latency(in); got != want {
			t.Errorf("latency(%g) = %q, want %q", in, got, want)
		}
	}
}

func TestLength(t *testing.T) {
	for in, want := range map[time.Duration]string{
		-time.Second: "0 s", 400 * time.Millisecond: "0 s", 45 * time.Second: "45 s", 125 * time.Second: "2 min 5 s",
		time.Hour: "1 h", 26*time.Hour + 5*time.Minute: "1 d 2 h", 24*time.Hour + time.Minute: "1 d",
	} {
		if got := length(in); got != want {
			t.Errorf("length(%s) = %q, want %q", in, got, want)
		}
	}
}

func TestAgo(t *testing.T) {
	for in, want := range map[time.Duration]string{
		-time.Minute: "just now", 0: "just now", 4 * time.Second: "4 s ago", 90 * time.Second: "1 min ago",
		5 * time.Hour: "5 h ago", 49 * time.Hour: "2 d ago",
	} {
		if got := ago(noon, noon.Add(-in)); got != want {
			t.Errorf("ago(%s) = %q, want %q", in, got, want)
		}
	}
}

func TestInterval(t *testing.T) {
	for in, want := range map[float64]string{0: "0s", 0.5: "0.5s", 10: "10s", 90: "90s", 300: "5m", 3600: "1h"} {
		if got := interval(in); got != want {
			t.Errorf("interval(%g) = %q, want %q", in, got, want)
		}
	}
}
