package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/mattn/go-isatty"

	"github.com/ballast-lb/ballast/containers/autoscale"
	"github.com/ballast-lb/ballast/internal/telemetry"
)

// screen is where the status is shown.
type screen struct {
	out              io.Writer
	terminal, colour bool
	// size returns how many columns and lines there are; nil, or a zero, is no limit.
	size    func() (columns, lines int)
	painted bool
}

func newScreen(out io.Writer) *screen {
	s := &screen{out: out}
	if f, ok := out.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		s.terminal, s.colour = true, os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
		s.size = func() (columns, lines int) { return terminalSize(f) }
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

// columns is how many there are to write to. The last one is left free: to clear behind a full line takes its end away.
func (s *screen) columns() int {
	if s.size == nil {
		return 0
	}
	columns, _ := s.size()
	return max(columns-1, 0)
}

// paint writes the lines.
func (s *screen) paint(all []line) error {
	_, err := s.out.Write(s.text(all, "\n"))
	return err
}

// repaint writes the lines in place of the last ones, or below them if this is no terminal. It is one write, and clears
// only what is not written over: so a terminal does not flicker.
func (s *screen) repaint(all []line) error {
	var page []byte
	switch {
	case s.terminal && !s.painted:
		page = append(page, clearAll+home...)
	case s.terminal:
		page = append(page, home...)
	case s.painted:
		page = append(page, '\n')
	}
	s.painted = true
	if s.terminal {
		page = append(page, s.text(s.fitting(all), clearLine+"\n")...)
		page = append(page, clearBelow...)
	} else {
		page = append(page, s.text(all, "\n")...)
	}
	_, err := s.out.Write(page)
	return err
}

// fitting leaves out at the end what would make the terminal scroll, as the next page would not stand over this one then.
func (s *screen) fitting(all []line) []line {
	if s.size == nil {
		return all
	}
	columns, height := s.size()
	if columns == 0 || height == 0 {
		return all
	}
	used, fit := 0, 0 // The rows of all, and how many lines leave room for what is said of the rest.
	for i, l := range all {
		used += max(1, (len([]rune(l.text))+columns-1)/columns)
		if used <= height-2 {
			fit = i + 1
		}
	}
	if used < height {
		return all
	}
	return append(slices.Clip(all[:fit]), line{fmt.Sprintf("%d more lines: the terminal is too low", len(all)-fit), faint})
}

func (s *screen) text(all []line, end string) []byte {
	var b bytes.Buffer
	for _, l := range all {
		text := l.text
		if s.colour && l.style != plain {
			text = string(l.style) + text + normal
		}
		b.WriteString(text + end)
	}
	return b.Bytes()
}

// newLines is the status for people, at most so many columns wide, if that is not 0: sentences are wrapped then, and columns
// of the table left out. before, which may be nil, is what was answered the last time.
func newLines(d telemetry.Document, before *telemetry.Document, width int) []line {
	out := []line{
		{printable(fmt.Sprintf("Ballast %s, instance %s, up %s", d.Version, d.Instance, lasting(time.Duration(d.Uptime*float64(time.Second))))), bold},
		engineLine(d),
		{},
	}
	if len(d.Pools) == 0 {
		return append(out, line{text: "no pools: no container has joined yet"})
	}
	rows, left := table(d, before, width)
	out = append(out, line{rows[0], bold})
	for i, p := range d.Pools {
		row := line{text: rows[i+1]}
		if p.Replicas.Ready == 0 {
			row.style = bad
		}
		out = append(out, row)
		if text := overrideText(d.Time, p.Override); text != "" {
			out = append(out, wrapped("by hand: "+text, width, bold)...)
		}
		if p.Replicas.Blocked != "" {
			out = append(out, wrapped("blocked: "+p.Replicas.Blocked, width, bad)...)
		}
		if text := comingText(p.Replicas); text != "" {
			out = append(out, wrapped(text, width, plain)...)
		}
		if text := staleText(p.Replicas); text != "" {
			out = append(out, wrapped(text, width, plain)...)
		}
		if p.LastDecision != nil {
			out = append(out, wrapped(decisionText(d.Time, *p.LastDecision), width, faint)...)
		}
	}
	if len(left) > 0 {
		out = append(out, wrapped("left out, as the terminal is narrow: "+strings.Join(left, ", "), width, faint)...)
	}
	return out
}

// comingText is what is told of replicas that are about to be ready, or to be warm; empty if there are none.
func comingText(r telemetry.Replicas) string {
	var parts []string
	if r.Starting > 0 {
		parts = append(parts, fmt.Sprintf("%d starting", r.Starting))
	}
	if r.Warming > 0 {
		parts = append(parts, fmt.Sprintf("%d warming up", r.Warming))
	}
	return strings.Join(parts, ", ")
}

// overrideText is what people have set of a pool, who, and when; empty if that is nothing.
func overrideText(now time.Time, o *telemetry.OverrideDoc) string {
	if o == nil {
		return ""
	}
	var parts []string
	add := func(m autoscale.Mark, format string, args ...any) {
		parts = append(parts, fmt.Sprintf(format, args...)+fmt.Sprintf(" by %s %s ago", m.By, lasting(now.Sub(m.At))))
	}
	if o.Paused != nil {
		add(*o.Paused, "paused")
	}
	if r := o.Replicas; r != nil {
		add(r.Mark, "%d replicas", r.N)
		if r.Until != nil {
			parts[len(parts)-1] += fmt.Sprintf(", at least for another %s", lasting(r.Until.Sub(now)))
		}
	}
	if o.Min != nil {
		add(o.Min.Mark, "min %d", o.Min.N)
	}
	if o.Max != nil {
		add(o.Max.Mark, "max %d", o.Max.N)
	}
	for _, b := range o.Drained {
		add(b.Mark, "%s drained", b.Name)
	}
	return strings.Join(parts, "; ")
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

// expendable are the columns that are left out first where there is no room for all.
var expendable = []string{"POLICY", "P50", "P99", "MIN-MAX", "WARM", "QUEUED", "ERRORS", "IN FLIGHT", "P95", "REQ/S"}

// table is a header and a line for each pool, in columns, and those that were left out to keep to the width; READY is of how
// many there should be.
func table(d telemetry.Document, before *telemetry.Document, width int) (rows, left []string) {
	cells := [][]string{{"POOL", "POLICY", "READY", "WARM", "MIN-MAX", "IN FLIGHT", "QUEUED", "REQ/S", "P50", "P95", "P99", "ERRORS"}}
	for _, p := range d.Pools {
		r, limits := p.Replicas, "fixed"
		if r.Max > 0 {
			limits = fmt.Sprintf("%d-%d", r.Min, r.Max)
		}
		cells = append(cells, []string{
			printable(p.Name), printable(p.Policy), fmt.Sprintf("%d/%d", r.Ready, r.Desired), strconv.Itoa(r.Warm), limits,
			strconv.FormatInt(p.InFlight, 10), strconv.FormatInt(p.Queued, 10), fmt.Sprintf("%.1f", p.RequestsPerSecond),
			latency(p.Latency.P50), latency(p.Latency.P95), latency(p.Latency.P99), errorsText(d, p, before),
		})
	}
	for {
		rows = columned(cells)
		widest := slices.MaxFunc(rows, func(a, b string) int { return len([]rune(a)) - len([]rune(b)) })
		if width == 0 || len([]rune(widest)) <= width || len(left) == len(expendable) {
			return rows, left
		}
		name := expendable[len(left)]
		left = append(left, name)
		i := slices.Index(cells[0], name)
		for n := range cells {
			cells[n] = slices.Delete(cells[n], i, i+1)
		}
	}
}

func columned(cells [][]string) []string {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range cells {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	_ = w.Flush() // It writes to memory.
	return strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
}

// errorsText is the number of a pool's errors, and how fast it grows if it does.
func errorsText(d telemetry.Document, p telemetry.PoolDoc, before *telemetry.Document) string {
	text := strconv.FormatUint(p.Errors, 10)
	if before == nil {
		return text
	}
	i := slices.IndexFunc(before.Pools, func(b telemetry.PoolDoc) bool { return b.Name == p.Name })
	seconds := d.Time.Sub(before.Time).Seconds()
	if i < 0 || seconds <= 0 || p.Errors <= before.Pools[i].Errors { // Fewer: it was started anew.
		return text
	}
	return text + fmt.Sprintf(" +%.1f/s", float64(p.Errors-before.Pools[i].Errors)/seconds)
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
