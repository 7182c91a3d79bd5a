package http1

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// hostile is a case of testdata/corpus; its README says how they are written.
type hostile struct {
	file    string
	verdict string
	rfc     string
	name    string
	to      string
	bytes   []byte
}

var repeated = regexp.MustCompile(`\{([^{}]+?)\*(\d+)\}`)

func corpus(tb testing.TB, file string) []hostile {
	tb.Helper()
	text, err := os.ReadFile("testdata/corpus/" + file)
	if err != nil {
		tb.Fatal(err)
	}
	var cases []hostile
	for n, line := range strings.Split(string(text), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		if raw, ok := strings.CutPrefix(line, "  "); ok {
			c := &cases[len(cases)-1]
			c.bytes = append(c.bytes, unescape(tb, raw, n)...)
			continue
		}
		columns := strings.Split(line, "|")
		for i := range columns {
			columns[i] = strings.TrimSpace(columns[i])
		}
		if len(columns) < 3 {
			tb.Fatalf("%s:%d: want verdict | RFC | name", file, n+1)
		}
		c := hostile{file: file, verdict: columns[0], rfc: columns[1], name: columns[2]}
		if len(columns) > 3 {
			c.to = columns[3]
		}
		cases = append(cases, c)
	}
	return cases
}

func unescape(tb testing.TB, raw string, n int) string {
	tb.Helper()
	raw = repeated.ReplaceAllStringFunc(raw, func(s string) string {
		m := repeated.FindStringSubmatch(s)
		times, _ := strconv.Atoi(m[2])
		return strings.Repeat(m[1], times)
	})
	text, err := strconv.Unquote(`"` + strings.ReplaceAll(raw, `"`, `\"`) + `"`)
	if err != nil {
		tb.Fatalf("line %d: %v", n+1, err)
	}
	return text
}

// readers read a message of which more comes with each call, and say what became of it.
func reader(c hostile) func(buf []byte) (verdict string, done bool) {
	switch c.file {
	case "requests.txt":
		r := &Request{}
		return func(buf []byte) (string, bool) { return headVerdict(r.Parse(buf))(&r.Body) }
	case "responses.txt":
		s := &Response{}
		s.Reset(methodOf([]byte(c.to)), c.to == "websocket")
		return func(buf []byte) (string, bool) { return headVerdict(s.Parse(buf))(&s.Body) }
	}
	d, at, content := &Decoder{}, 0, []byte(nil)
	return func(buf []byte) (string, bool) {
		for !d.Done() {
			data, n, err := d.Next(buf[at:])
			at += n
			content = append(content, data...)
			switch {
			case err != nil:
				return refusal(err), true
			case n == 0:
				return "more", false
			}
		}
		verdict := strings.TrimSpace("ok " + string(content))
		trailers := strings.TrimSuffix(strings.TrimPrefix(string(AppendLastChunk(nil, d)), "0\r\n"), "\r\n")
		if trailers != "" {
			verdict += " / " + strings.ReplaceAll(strings.TrimSpace(trailers), "\r\n", ", ")
		}
		return verdict, true
	}
}

func headVerdict(n int, err error) func(*Body) (string, bool) {
	return func(b *Body) (string, bool) {
		switch {
		case err != nil:
			return refusal(err), true
		case n == 0:
			return "more", false
		case b.Kind == BodyLength:
			return fmt.Sprintf("ok %d", b.Length), true
		}
		return "ok " + map[BodyKind]string{
			BodyNone: "none", BodyChunked: "chunked", BodyUntilClose: "close", BodyTunnel: "tunnel",
		}[b.Kind], true
	}
}

func refusal(err error) string {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return "not an *Error: " + err.Error()
	}
	return fmt.Sprintf("%d %s %s", e.Status, e.Slug, e.RFC)
}

func (c hostile) want() string {
	if c.verdict[0] >= '1' && c.verdict[0] <= '9' {
		return c.verdict + " " + c.rfc
	}
	return c.verdict
}

var corpora = []string{"requests.txt", "responses.txt", "bodies.txt"}

func TestCorpus(t *testing.T) {
	for _, file := range corpora {
		for _, c := range corpus(t, file) {
			t.Run(strings.TrimSuffix(file, ".txt")+"/"+c.name, func(t *testing.T) {
				if got, _ := reader(c)(c.bytes); got != c.want() {
					t.Errorf("at once: %s, want %s", got, c.want())
				}
				// Each time the bytes are somewhere else, as when a buffer is moved.
				read, got := reader(c), ""
				for i, step := 0, max(1, len(c.bytes)/500); i < len(c.bytes); {
					i = min(i+step, len(c.bytes))
					var done bool
					if got, done = read(append([]byte(nil), c.bytes[:i]...)); done {
						break
					}
				}
				if got != c.want() {
					t.Errorf("byte by byte: %s, want %s", got, c.want())
				}
				if c.verdict == "more" {
					return
				}
				// What follows is another message, and has no say.
				follow := append(append([]byte(nil), c.bytes...), "\n\r\n 5\x00: GET /"...)
				if got, _ := reader(c)(follow); got != c.want() && !neverEnds(c) {
					t.Errorf("with more behind it: %s, want %s", got, c.want())
				}
			})
		}
	}
}

func neverEnds(c hostile) bool { return strings.HasSuffix(c.name, "never ends") }

// TestCorpus_size keeps the corpus from losing what it has, and each refusal from having no case.
func TestCorpus_size(t *testing.T) {
	total, slugs := 0, map[string]bool{}
	for _, file := range corpora {
		names := map[string]bool{}
		for _, c := range corpus(t, file) {
			if names[c.name+c.to] {
				t.Errorf("%s: two cases are called %q", file, c.name)
			}
			names[c.name+c.to] = true
			total++
			if _, slug, ok := strings.Cut(c.verdict, " "); ok {
				slugs[slug] = true
			}
		}
	}
	if total < 250 {
		t.Errorf("%d cases, want 250 at least", total)
	}
	for _, slug := range errorSlugs(t) {
		if !slugs[slug] {
			t.Errorf("no case is refused as %s", slug)
		}
	}
}

// errorSlugs reads the slugs of all errors from error.go.
func errorSlugs(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "error.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var slugs []string
	seen := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		lit, ok := n.(*ast.CompositeLit)
		if !ok || len(lit.Elts) != 4 {
			return true
		}
		slug, err := strconv.Unquote(lit.Elts[1].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		if seen[slug] {
			t.Errorf("two errors have the slug %s", slug)
		}
		seen[slug] = true
		slugs = append(slugs, slug)
		return true
	})
	if len(slugs) < 40 {
		t.Fatalf("%d errors found, want 40 at least", len(slugs))
	}
	return slugs
}
