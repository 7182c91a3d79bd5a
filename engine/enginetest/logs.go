package enginetest

import (
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ballast-lb/ballast/engine"
)

func testLogs(t *testing.T, s *suite) {
	id := s.run(t)
	for i, path := range []string{"/say/stdout/one", "/say/stderr/two", "/say/stdout/three"} {
		s.get(t, id, path)
		// One after the other, for they take two ways.
		eventually(t, "the engine has what was said", func() bool { return len(s.logs(t, id, 10)) == i+1 })
	}
	want := []engine.LogLine{{Text: "one"}, {Text: "two", Stderr: true}, {Text: "three"}}
	check := func(when string, tail int, want []engine.LogLine) {
		t.Helper()
		got := s.logs(t, id, tail)
		var last time.Time
		for i := range got {
			if off := time.Since(got[i].Time); off < -time.Minute || off > patience+time.Minute || got[i].Time.Before(last) {
				t.Errorf("Logs(%d) of %s: a line of %v, which is %v ago, after one of %v", tail, when, got[i].Time, off, last)
			}
			last, got[i].Time = got[i].Time, time.Time{}
		}
		if !slices.Equal(got, want) {
			t.Errorf("Logs(%d) of %s = %+v, want %+v", tail, when, got, want)
		}
	}
	check("a running container", 10, want)
	check("a running container", 2, want[1:])
	check("a running container", 0, nil)
	must(t, "Stop", s.Engine.Stop(t.Context(), id, 5*time.Second))
	check("a stopped container", 10, want)

	before := leakOptions()
	for _, err := range s.Engine.Logs(t.Context(), id, 10) {
		must(t, "Logs", err)
		break
	}
	goleak.VerifyNone(t, before...)
	if got := s.logs(t, s.create(t, engine.Spec{Name: s.name(), Template: id}), 10); len(got) != 0 {
		t.Errorf("Logs() of a container that never ran = %+v, want nothing", got)
	}
}

// logs are the lines that the engine has.
func (s *suite) logs(t *testing.T, id string, tail int) (lines []engine.LogLine) {
	t.Helper()
	for line, err := range s.Engine.Logs(t.Context(), id, tail) {
		must(t, "Logs", err)
		lines = append(lines, line)
	}
	return lines
}
