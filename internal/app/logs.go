package app

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ballast-lb/ballast/engine"
	"github.com/ballast-lb/ballast/proxy/nethttp"
)

const (
	logTail = 200 // Lines, unless it is said.
	// maxLogTail and maxLogBytes bound an answer, logLimit how long the engine may take.
	maxLogTail  = 1000
	maxLogBytes = 256 << 10
	logLimit    = 5 * time.Second
)

// serveLogs answers the last lines that a labelled container has written, ?tail= of them, each with its time. They may hold
// secrets: it is for those alone who may act.
func (a *App) serveLogs(w http.ResponseWriter, r *http.Request) {
	tail := logTail
	if text := r.URL.Query().Get("tail"); text != "" {
		var err error
		if tail, err = strconv.Atoi(text); err != nil || tail < 1 || tail > maxLogTail {
			nethttp.Problem(w, http.StatusBadRequest, "bad-tail", "tail is a number of lines from 1 to "+strconv.Itoa(maxLogTail))
			return
		}
	}
	c, ok := a.findContainer(w, r, a.input(time.Now()))
	if !ok {
		return
	}
	if !c.Enabled {
		nethttp.Problem(w, http.StatusForbidden, "not-enabled", "logs are shown of containers that have the label "+a.config.LabelsPrefix.Key("enable")+"=true alone")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), logLimit)
	defer cancel()
	lines, err := lastLines(a.engine.Logs(ctx, c.FullID, tail))
	switch {
	case errors.Is(err, engine.ErrNotFound):
		nethttp.Problem(w, http.StatusNotFound, "no-such-container", "the engine has this container no more")
		return
	case err != nil:
		nethttp.Problem(w, http.StatusBadGateway, "no-logs", "the engine did not give the logs: "+err.Error())
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Cache-Control", "no-store")
	for _, line := range lines {
		if _, err := w.Write([]byte(line)); err != nil {
			return // A client that has gone is no news.
		}
	}
}

// lastLines are the last lines that fit into an answer.
func lastLines(all iter.Seq2[engine.LogLine, error]) ([]string, error) {
	var lines []string
	size := 0
	for l, err := range all {
		if err != nil {
			return nil, err
		}
		line := strings.ToValidUTF8(l.Text, "\uFFFD") + "\n"
		if !l.Time.IsZero() {
			line = l.Time.UTC().Format(time.RFC3339Nano) + " " + line
		}
		lines, size = append(lines, line), size+len(line)
		for size > maxLogBytes {
			lines, size = lines[1:], size-len(lines[0])
		}
	}
	return lines, nil
}
