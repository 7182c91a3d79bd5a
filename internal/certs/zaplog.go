package certs

import (
	"slices"

	"github.com/rs/zerolog"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// bridge is a zapcore.Core that writes to zerolog. certmagic tells every step it takes at info, so
// that becomes debug, and debug trace; what is worth telling people at info the ACME says itself.
type bridge struct {
	log    zerolog.Logger
	fields []zapcore.Field
}

func newZap(log zerolog.Logger) *zap.Logger { return zap.New(&bridge{log: log}) }

func level(l zapcore.Level) zerolog.Level {
	switch {
	case l >= zapcore.ErrorLevel:
		return zerolog.ErrorLevel
	case l == zapcore.WarnLevel:
		return zerolog.WarnLevel
	case l == zapcore.InfoLevel:
		return zerolog.DebugLevel
	}
	return zerolog.TraceLevel
}

// Enabled implements zapcore.LevelEnabler.
func (b *bridge) Enabled(l zapcore.Level) bool {
	return level(l) >= max(b.log.GetLevel(), zerolog.GlobalLevel())
}

// With implements zapcore.Core.
func (b *bridge) With(fields []zapcore.Field) zapcore.Core {
	return &bridge{log: b.log, fields: slices.Concat(b.fields, fields)}
}

// Check implements zapcore.Core.
func (b *bridge) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if b.Enabled(e.Level) {
		return ce.AddCore(e, b)
	}
	return ce
}

// Write implements zapcore.Core.
func (b *bridge) Write(e zapcore.Entry, fields []zapcore.Field) error {
	enc := zapcore.NewMapObjectEncoder()
	for _, f := range slices.Concat(b.fields, fields) {
		f.AddTo(enc)
	}
	b.log.WithLevel(level(e.Level)).Fields(enc.Fields).Str("part", e.LoggerName).Msg(e.Message)
	return nil
}

// Sync implements zapcore.Core.
func (*bridge) Sync() error { return nil }
