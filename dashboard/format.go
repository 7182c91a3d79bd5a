package dashboard

import (
	"fmt"
	"strconv"
	"time"
)

// none stands where there is no number to show.
const none = "–"

// count writes n with commas, 1,234,567, and what would outgrow its column in millions, 12.3 M.
func count[N int | int64 | uint64](n N) string {
	switch {
	case uint64(n) >= 1_000_000_000 && n > 0:
		return fmt.Sprintf("%.2f G", float64(n)/1e9)
	case uint64(n) >= 10_000_000 && n > 0:
		return fmt.Sprintf("%.1f M", float64(n)/1e6)
	}
	s := strconv.FormatInt(int64(n), 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// rate writes requests per second with one decimal, whole from 1,000 on.
func rate(f float64) string {
	if f >= 1000 {
		return count(int64(f + 0.5))
	}
	return strconv.FormatFloat(f, 'f', 1, 64)
}

// latency writes milliseconds in three digits or so with their unit.
func latency(ms float64) string {
	switch {
	case ms <= 0:
		return none
	case ms < 10:
		return fmt.Sprintf("%.2f ms", ms)
	case ms < 100:
		return fmt.Sprintf("%.1f ms", ms)
	case ms < 1000:
		return fmt.Sprintf("%.0f ms", ms)
	}
	return fmt.Sprintf("%.2f s", ms/1000)
}

// percent writes a share of 0 to 1.
func percent(share float64) string { return fmt.Sprintf("%.1f %%", share*100) }

// length writes a duration in its two largest units: "3 d 4 h", "2 min 5 s".
func length(d time.Duration) string {
	s := max(int64(d/time.Second), 0)
	units := []struct {
		name    string
		seconds int64
	}{{"d", 86400}, {"h", 3600}, {"min", 60}, {"s", 1}}
	for i, u := range units {
		if s < u.seconds {
			continue
		}
		text := fmt.Sprintf("%d %s", s/u.seconds, u.name)
		if i+1 < len(units) {
			if rest := s % u.seconds / units[i+1].seconds; rest > 0 {
				text += fmt.Sprintf(" %d %s", rest, units[i+1].name)
			}
		}
		return text
	}
	return "0 s"
}

// ago says how long before now t was, in its largest unit.
func ago(now, t time.Time) string {
	d := now.Sub(t)
	switch {
	case d < time.Second:
		return "just now"
	case d < time.Minute:
		return fmt.Sprintf("%d s ago", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", d/time.Minute)
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h ago", d/time.Hour)
	}
	return fmt.Sprintf("%d d ago", d/(24*time.Hour))
}

// interval writes seconds the way labels are written: "10s", "5m", "1h".
func interval(seconds float64) string {
	switch s := int64(seconds); {
	case float64(s) != seconds || s == 0:
		return strconv.FormatFloat(seconds, 'f', -1, 64) + "s"
	case s%3600 == 0:
		return fmt.Sprintf("%dh", s/3600)
	case s%60 == 0:
		return fmt.Sprintf("%dm", s/60)
	default:
		return fmt.Sprintf("%ds", s)
	}
}

// plural writes a number with its noun: "1 backend", "2 backends".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return count(n) + " " + noun + "s"
}
