package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// kind is what the bytes of a case are.
type kind string

const (
	kindRequest    kind = "request"     // The head of a request.
	kindBody       kind = "body"        // The chunked body of a request.
	kindAnswer     kind = "answer"      // The head of an answer.
	kindAnswerBody kind = "answer-body" // The chunked body of an answer.
)

// probe is one case: what a client sends, and what the backend answers.
type probe struct {
	kind    kind
	name    string
	verdict string // As in the corpus: "ok …", "more", or a status and a slug.
	rfc     string
	method  string // Of the request; empty where the bytes decide.
	send    []byte
	half    bool // The client then ends its side, for there is no more.
	answer  []byte
	last    bool // The backend closes the connection behind its answer.
}

const (
	followTarget = "/follow"
	// follow is sent behind a case: it shows where a server takes the case to end, and ends the connection.
	follow = "GET " + followTarget + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
	chunks = "5\r\nhello\r\n0\r\n\r\n"
	// maxTail is the longest body that is made up for a head that announces one.
	maxTail = 1 << 20
)

// slug is what we refuse the case for, or "ok" or "more".
func (p *probe) slug() string {
	first, rest, _ := strings.Cut(p.verdict, " ")
	if first == "ok" || first == "more" {
		return first
	}
	return rest
}

// quoted is the name as it stands in explanations: some slugs are names too.
func (p *probe) quoted() string { return `"` + p.name + `"` }

// hostile says that the corpus refuses the case.
func (p *probe) hostile() bool { s := p.slug(); return s != "ok" && s != "more" }

func (p *probe) toClient() bool { return p.kind == kindAnswer || p.kind == kindAnswerBody }

// loadCorpus reads the files of a directory that are written as its README says.
func loadCorpus(dir string) ([]*probe, error) {
	var all []*probe
	for _, f := range []struct {
		name string
		make func(entry) []*probe
	}{
		{"requests.txt", requestProbe}, {"bodies.txt", bodyProbes}, {"responses.txt", answerProbe},
	} {
		text, err := os.ReadFile(filepath.Join(dir, f.name))
		if err != nil {
			return nil, fmt.Errorf("read the corpus: %w", err)
		}
		entries, err := parseCorpus(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		for _, e := range entries {
			all = append(all, f.make(e)...)
		}
	}
	return all, nil
}

// entry is a case as it is written.
type entry struct {
	verdict, rfc, name, to string
	bytes                  []byte
}

func (e entry) endless() bool { return strings.HasSuffix(e.name, "never ends") }

func parseCorpus(text string) ([]entry, error) {
	var entries []entry
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		if raw, ok := strings.CutPrefix(line, "  "); ok && len(entries) > 0 {
			b, err := unescape(raw)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", n, err)
			}
			e := &entries[len(entries)-1]
			e.bytes = append(e.bytes, b...)
			continue
		}
		columns := columnsOf(line)
		if len(columns) < 3 {
			return nil, fmt.Errorf("line %d: want verdict | RFC | name", n)
		}
		e := entry{verdict: columns[0], rfc: columns[1], name: columns[2]}
		if len(columns) > 3 {
			e.to = columns[3]
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// columnsOf splits a line at its bars.
func columnsOf(line string) []string {
	columns := strings.Split(line, "|")
	for i := range columns {
		columns[i] = strings.TrimSpace(columns[i])
	}
	return columns
}

var repeated = regexp.MustCompile(`\{([^{}]+?)\*(\d+)\}`)

// unescape reads Go's escapes, and {text*n}.
func unescape(raw string) (string, error) {
	raw = repeated.ReplaceAllStringFunc(raw, func(s string) string {
		m := repeated.FindStringSubmatch(s)
		times, _ := strconv.Atoi(m[2]) // Digits, says the expression.
		return strings.Repeat(m[1], times)
	})
	return strconv.Unquote(`"` + strings.ReplaceAll(raw, `"`, `\"`) + `"`)
}

func requestProbe(e entry) []*probe {
	p := &probe{kind: kindRequest, name: e.name, verdict: e.verdict, rfc: e.rfc, send: bytes.Clone(e.bytes)}
	p.half = e.verdict == "more"
	if !p.half && !e.endless() {
		p.send = append(p.send, requestTail(e)...)
		p.send = append(p.send, follow...)
	}
	return []*probe{p}
}

// requestTail is the body behind a head. Behind one that is refused it is such that the ways to frame it
// end in different places.
func requestTail(e entry) string {
	announced, ok := strings.CutPrefix(e.verdict, "ok ")
	lower := strings.ToLower(string(e.bytes))
	switch n, err := strconv.ParseInt(announced, 10, 64); {
	case ok && err == nil && n <= maxTail:
		return strings.Repeat("a", int(n))
	case announced == "chunked":
		return chunks
	case ok:
		return ""
	case strings.Contains(lower, "transfer"):
		return "0\r\n\r\n"
	case strings.Contains(lower, "length"):
		return "hello"
	}
	return ""
}

// bodyProbes are a body under a request and under an answer.
func bodyProbes(e entry) []*probe {
	request := &probe{
		kind: kindBody, name: e.name, verdict: e.verdict, rfc: e.rfc, half: e.verdict == "more",
		send: append([]byte("POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"), e.bytes...),
	}
	if !request.half && !e.endless() {
		request.send = append(request.send, follow...)
	}
	answer := &probe{
		kind: kindAnswerBody, name: e.name, verdict: e.verdict, rfc: e.rfc, send: asking("GET"), method: "GET",
		answer: append([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), e.bytes...),
		last:   e.verdict == "more" || e.endless(),
	}
	return []*probe{request, answer}
}

func answerProbe(e entry) []*probe {
	p := &probe{
		kind: kindAnswer, name: e.name, verdict: e.verdict, rfc: e.rfc, send: asking(e.to), method: "GET",
		answer: append(bytes.Clone(e.bytes), answerTail(e)...),
		last:   e.verdict == "more" || e.verdict == "ok close" || e.verdict == "ok tunnel" || e.endless(),
	}
	if e.to != "" {
		p.name += " (" + e.to + ")"
	}
	if e.to == "HEAD" || e.to == "CONNECT" {
		p.method = e.to
	}
	return []*probe{p}
}

func asking(to string) []byte {
	switch to {
	case "websocket":
		return []byte("GET /answer HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	case "CONNECT":
		return []byte("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n")
	case "":
		to = "GET"
	}
	return []byte(to + " /answer HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
}

// answerTail is the body behind a head, and the last answer behind one before it.
func answerTail(e entry) string {
	interim := bytes.HasPrefix(e.bytes, []byte("HTTP/1.1 1"))
	switch {
	case e.verdict == "more" || e.endless():
		return ""
	case e.verdict == "ok none" && interim:
		return "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
	case e.verdict == "ok none":
		return ""
	case e.verdict == "ok 2":
		return "hi"
	case bytes.Contains(bytes.ToLower(e.bytes), []byte("transfer-encoding")):
		return chunks
	case bytes.Contains(e.bytes, []byte("Content-Length: 0")):
		return ""
	}
	return "hello"
}
