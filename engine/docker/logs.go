package docker

import (
	"context"
	"errors"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/ballast-lb/ballast/engine"
)

// Logs yields the last lines that a container has written. The whole of it has the time of one call.
func (e *Engine) Logs(ctx context.Context, id string, tail int) iter.Seq2[engine.LogLine, error] {
	return func(yield func(engine.LogLine, error) bool) {
		if err := e.logs(ctx, id, tail, yield); err != nil {
			yield(engine.LogLine{}, wrap(ctx, "read logs of container "+id, err))
		}
	}
}

// errEnough says that the caller has had enough.
var errEnough = errors.New("enough")

// stampLength is more than the time before each line takes, with the space behind it.
const stampLength = 40

func (e *Engine) logs(ctx context.Context, id string, tail int, yield func(engine.LogLine, error) bool) error {
	c, err := e.inspect(ctx, id)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, e.limits.call)
	defer cancel()
	body, err := e.conn.Load().ContainerLogs(ctx, id, container.LogsOptions{
		ShowStdout: true, ShowStderr: true, Timestamps: true, Tail: strconv.Itoa(max(tail, 0)),
	})
	if err != nil {
		return err
	}
	defer body.Close()
	lines := func(stderr bool) *engine.Lines {
		return &engine.Lines{Max: engine.MaxLogLine + stampLength, Emit: func(line string) error {
			if !yield(toLogLine(line, stderr), nil) {
				return errEnough
			}
			return nil
		}}
	}
	stdout, stderr := lines(false), lines(true)
	if c.Config.Tty { // Then there are no frames: a terminal is one stream.
		_, err = io.Copy(stdout, body)
	} else {
		_, err = stdcopy.StdCopy(stdout, stderr, body)
	}
	if err == nil {
		err = stdout.End()
	}
	if err == nil {
		err = stderr.End()
	}
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// toLogLine takes the time off a line.
func toLogLine(line string, stderr bool) engine.LogLine {
	stamp, text, _ := strings.Cut(line, " ")
	at, err := time.Parse(time.RFC3339Nano, stamp)
	if err != nil {
		at, text = time.Time{}, line
	}
	return engine.LogLine{Time: at, Stderr: stderr, Text: text[:min(len(text), engine.MaxLogLine)]}
}
