package certs

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

func TestBridge_levels(t *testing.T) {
	tests := []struct {
		zap  zapcore.Level
		want zerolog.Level
	}{
		{zap.DebugLevel, zerolog.TraceLevel},
		{zap.InfoLevel, zerolog.DebugLevel},
		{zap.WarnLevel, zerolog.WarnLevel},
		{zap.ErrorLevel, zerolog.ErrorLevel},
		{zap.DPanicLevel, zerolog.ErrorLevel},
	}
	for _, tt := range tests {
		t.Run(tt.zap.String(), func(t *testing.T) {
			for _, limit := range []zerolog.Level{zerolog.TraceLevel, zerolog.DebugLevel, zerolog.WarnLevel, zerolog.Disabled} {
				j := newJournal()
				newZap(zerolog.New(j).Level(limit)).Log(tt.zap, "x")
				want := 0
				if tt.want >= limit {
					want = 1
				}
				if got := j.count(`"level":"` + tt.want.String() + `"`); got != want {
					t.Errorf("lines at limit %s = %d, want %d:\n%s", limit, got, want, j)
				}
			}
		})
	}
}

func TestBridge_fields(t *testing.T) {
	j := newJournal()
	log := newZap(j.logger()).Named("obtain").With(zap.String("identifier", "a.test"))
	log.With(zap.Int("other", 1)) // must leave log as it is
	log.Warn("will retry", zap.Error(errors.New("no")), zap.Strings("names", []string{"a", "b"}))
	var got map[string]any
	if err := json.Unmarshal([]byte(j.String()), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"level": "warn", "message": "will retry", "part": "obtain",
		"identifier": "a.test", "error": "no", "names": []any{"a", "b"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("line (-want +got):\n%s", diff)
	}
}
