package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/mattn/go-isatty"

	"github.com/ballast-lb/ballast/containers/autoscale"
	"github.com/ballast-lb/ballast/internal/telemetry"
)

// screen is where the status is shown. The zero width is no limit.
type screen struct {
	out              io.Writer
	terminal, colour bool
	width            func() int
	painted          bool
}

func newScreen(out io.Writer) *screen {
	s := &screen{out: out}
	if f, ok := out.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		s.terminal, s.colour = true, os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
		s.width = func() int { return terminalWidth(f) }
	}
	return s
}

// line is one line of the status; its style is without effect where there are no colours.
type line struct {
	text  string
	style style
}

// style is a terminal's code for how text looks.
type style string

const (
	plain  style = ""
	bold   style = "\x1b[1m"
	faint  style = "\x1b[2m"
	bad    style = "\x1b[31m"
	normal       = "\x1b[0m"

	home       = "\x1b[H"
	clearLine  = "\x1b[K"
	clearBelow = "\x1b[J"
	clearAll   = "\x1b[2J"
)

func (s *screen) columns() int {
	if s.width == nil {
		return 0
	}
	return s.width()
}

// paint writes the lines.
func (s *screen) paint(lines []line) error { return s.write(lines, "\n") }

// repaint writes the lines in place of the last ones, or below them if this is no terminal.
func (s *screen) repaint(lines []line) error {
	before := ""
	switch {
	case s.terminal && !s.painted:
		before = clearAll + home
	case s.terminal:
		before = home
	case s.painted:
		before = "\n"
	}
	s.painted = true
	if _, err := io.WriteString(s.out, before); err != nil {
		return err
	}
	if !s.terminal {
		return s.write(lines, "\n")
	}
	if err := s.write(lines, clearLine+"\n"); err != nil {
		return err
	}
	_, err := io.WriteString(s.out, clearBelow)
	return err
}

func (s *screen) write(lines []line, end string) error {
	var b bytes.Buffer
	for _, l := range lines {
		text := l.text
		if s.colour && l.style != plain {
			text = string(l.style) + text + normal
		}
		b.WriteString(text + end)
	}
	_, err := s.out.Write(b.Bytes())
	return err
}

// newLines is the status for people. Sentences are wrapped to the width, which 0 does not limit.
func newLines(d telemetry.Document, width int) []line {
	out := []line{
		{fmt.Sprintf("Ballast %s, instance %s, up %s", d.Version, d.Instance, lasting(time.Duration(d.Uptime*float64(time.Second)))), bold},
		engineLine(d),
		{},
	}
	if len(d.Pools) == 0 {
		return append(out, line{text: "no pools: no container has joined yet"})
	}
	rows := table(d.Pools)
	out = append(out, line{rows[0], bold})
	for i, p := range d.Pools {
		row := line{text: rows[i+1]}
		if p.Replicas.Ready == 0 {
			row.style = bad
		}
		out = append(out, row)
		if p.Replicas.Blocked != "" {
			out = append(out, wrapped("blocked: "+p.Replicas.Blocked, width, bad)...)
		}
		if text := staleText(p.Replicas); text != "" {
			out = append(out, wrapped(text, width, plain)...)
		}
		if p.LastDecision != nil {
			out = append(out, wrapped(decisionText(d.Time, *p.LastDecision), width, faint)...)
		}
	}
	return out
}

// staleText is what is told of a pool's clones that were made from an older image; empty if there are none.
func staleText(r telemetry.Replicas) string {
	switch {
	case r.Stale == 0:
		return ""
	case r.StaleHeld != "":
		return fmt.Sprintf("clones made from an older image or configuration: %d, not replaced at present: %s", r.Stale, r.StaleHeld)
	}
	return fmt.Sprintf("clones made from an older image or configuration: %d, being replaced one at a time", r.Stale)
}

func engineLine(d telemetry.Document) line {
	e := d.Engine
	l := line{text: strings.TrimSpace("engine "+e.Kind+" "+e.Version) + ": connected"}
	if !e.Connected {
		l = line{strings.TrimSuffix(l.text, "connected") + "not reachable", bad}
	}
	if e.Since != nil {
		l.text += " for " + lasting(d.Time.Sub(*e.Since))
	}
	if e.Error != "" {
		l.text += ": " + e.Error
	}
	l.text = printable(l.text)
	return l
}

// table is a header and a line for each pool, in columns; READY is of how many there should be. A narrow terminal breaks
// the lines: nothing is cut off.
func table(pools []telemetry.PoolDoc) []string {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "POOL\tPOLICY\tREADY\tWARM\tMIN-MAX\tIN FLIGHT\tQUEUED\tREQ/S\tP50\tP95\tP99\tERRORS")
	for _, p := range pools {
		r, limits := p.Replicas, "fixed"
		if r.Max > 0 {
			limits = fmt.Sprintf("%d-%d", r.Min, r.Max)
		}
		fmt.Fprintf(w, "%s\t%s\t%d/%d\t%d\t%s\t%d\t%d\t%.1f\t%s\t%s\t%s\t%d\n", printable(p.Name), printable(p.Policy),
			r.Ready, r.Desired, r.Warm, limits, p.InFlight, p.Queued, p.RequestsPerSecond,
			latency(p.Latency.P50), latency(p.Latency.P95), latency(p.Latency.P99), p.Errors)
	}
	_ = w.Flush() // It writes to memory.
	return strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
}

// latency writes milliseconds with three digits or so.
func latency(ms float64) string {
	switch {
	case ms <= 0:
		return "-"
	case ms < 10:
		return fmt.Sprintf("%.2fms", ms)
	case ms < 1000:
		return fmt.Sprintf("%.0fms", ms)
	}
	return fmt.Sprintf("%.2fs", ms/1000)
}

// lasting writes a duration to the second, and from an hour on to the minute.
func lasting(d time.Duration) string {
	if d = d.Truncate(time.Second); d < time.Hour {
		return max(d, 0).String()
	}
	return strings.TrimSuffix(d.Truncate(time.Minute).String(), "0s")
}

func decisionText(now time.Time, d autoscale.Decision) string {
	what := string(d.Action)
	if d.From != d.To {
		what += fmt.Sprintf(" %d -> %d", d.From, d.To)
	}
	if d.DryRun {
		what += " (dry run)"
	}
	return fmt.Sprintf("%s, %s ago: %s", what, lasting(now.Sub(d.Time)), d.Reason)
}

// wrapped breaks text into indented lines of at most width.
func wrapped(text string, width int, s style) (out []line) {
	const indent = "  "
	current := indent
	for word := range strings.FieldsSeq(printable(text)) {
		switch {
		case current == indent:
			current += word
		case width > 0 && len([]rune(current))+1+len([]rune(word)) > width:
			out = append(out, line{current, s})
			current = indent + "  " + word
		default:
			current += " " + word
		}
	}
	return append(out, line{current, s})
}

// printable replaces what would move the cursor, or worse: names and reasons come from containers and engines.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
}
