package forward_test

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/ballast-lb/ballast/proxy/forward"
)

func TestForwardedClient(t *testing.T) {
	tests := []struct {
		name  string
		peer  netip.Addr
		lines []string
		want  string
	}{
		{"a visitor is itself", visitor, []string{"for=198.51.100.1"}, "203.0.113.9"},
		{"a proxy that says nothing", proxy, nil, "10.0.0.1"},
		{"a proxy's client", proxy, []string{"for=198.51.100.1"}, "198.51.100.1"},
		{"among other parameters", proxy, []string{`by=10.0.0.1;For="198.51.100.1:80";proto=https;host="a, b;c"`}, "198.51.100.1"},
		{"what the client says does not count", proxy, []string{"for=6.6.6.6, for=198.51.100.1"}, "198.51.100.1"},
		{"a chain over lines", proxy, []string{"for=6.6.6.6", "for=198.51.100.1;proto=http,for=10.2.2.2", `for="10.1.1.1:_x"`}, "198.51.100.1"},
		{"all are proxies", proxy, []string{"for=10.3.3.3, for=10.2.2.2"}, "10.3.3.3"},
		{"IPv6", proxy, []string{`for="[2001:db8:cafe::17]:4711"`}, "2001:db8:cafe::17"},
		{"IPv6 without quotes", proxy, []string{`for=[2001:db8::1]:80`}, "2001:db8::1"},
		{"space behind a semicolon", proxy, []string{`proto=https; for=198.51.100.1 `}, "198.51.100.1"},
		{"nothing between semicolons", proxy, []string{`;;for=198.51.100.1;`}, "198.51.100.1"},
		{"unknown ends the walk", proxy, []string{"for=198.51.100.1, for=unknown, for=10.2.2.2"}, "10.2.2.2"},
		{"an obfuscated one ends the walk", proxy, []string{"for=198.51.100.1, for=_gazonk"}, "10.0.0.1"},
		{"what is not said ends the walk", proxy, []string{"for=198.51.100.1, proto=http, for=10.2.2.2"}, "10.2.2.2"},
		{"an empty element ends the walk", proxy, []string{"for=198.51.100.1, , for=10.2.2.2"}, "10.2.2.2"},
		{"said twice", proxy, []string{"for=198.51.100.1;for=198.51.100.2"}, "10.0.0.1"},
		{"space around the equals sign", proxy, []string{"for = 198.51.100.1"}, "10.0.0.1"},
		{"escapes in an address", proxy, []string{`for="198.51.100\.1"`}, "10.0.0.1"},
		{"a quote that a client opens hides nothing", proxy, []string{`for=10.6.6.6, for=", for=198.51.100.1`}, "10.0.0.1"},
		{"nor if it is closed by a proxy's", proxy, []string{`for=6.6.6.6;x=", for="[2001:db8::1]:80"`}, "10.0.0.1"},
		{"lines are apart", proxy, []string{`for=6.6.6.6;x="`, `for=198.51.100.1`}, "198.51.100.1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := forward.ForwardedClient(trust, tt.peer, tt.lines); got.String() != tt.want {
				t.Errorf("ForwardedClient(%s, %q) = %s, want %s", tt.peer, tt.lines, got, tt.want)
			}
			if got := forward.ForwardedClient(trust, tt.peer, asBytes(tt.lines)); got.String() != tt.want {
				t.Errorf("ForwardedClient(%s, %q) = %s of bytes, want %s", tt.peer, tt.lines, got, tt.want)
			}
		})
	}
}

func TestAppendForwarded(t *testing.T) {
	long := "for=_" + strings.Repeat("a", 490)
	tests := []struct {
		name  string
		lines []string
		e     forward.Element[string]
		want  string
	}{
		{"IPv4", nil, forward.Element[string]{For: visitor}, "for=203.0.113.9"},
		{"mapped", nil, forward.Element[string]{For: netip.MustParseAddr("::ffff:10.0.0.1")}, "for=10.0.0.1"},
		{"IPv6", nil, forward.Element[string]{For: netip.MustParseAddr("fe80::1%eth0")}, `for="[fe80::1]"`},
		{"nobody", nil, forward.Element[string]{}, "for=unknown"},
		{"all of it", nil, forward.Element[string]{For: visitor, Host: "example.com", Proto: "https"}, "for=203.0.113.9;host=example.com;proto=https"},
		{"a host with a port", nil, forward.Element[string]{For: visitor, Host: "example.com:81"}, `for=203.0.113.9;host="example.com:81"`},
		{"a host with quotes", nil, forward.Element[string]{For: visitor, Host: `a"\b`}, `for=203.0.113.9;host="a\"\\b"`},
		{"no host", nil, forward.Element[string]{For: visitor, Host: "a\r\nX: b", Proto: "a b"}, "for=203.0.113.9"},
		{"a host too long", nil, forward.Element[string]{For: visitor, Host: strings.Repeat("a", 262)}, "for=203.0.113.9"},
		{"behind others", []string{`for=a ,For="[::1]";x="1,2"`, "for=b"}, forward.Element[string]{For: proxy}, `for=a, For="[::1]";x="1,2", for=b, for=10.0.0.1`},
		{"what can't be read", []string{`for=a, x=y,,for="`}, forward.Element[string]{For: proxy}, "for=a, for=unknown, for=unknown, for=unknown, for=10.0.0.1"},
		{"bytes that no field has", []string{"for=\"a\r\nb\", for=\x00, for=\"\xff\""}, forward.Element[string]{For: proxy}, "for=unknown, for=unknown, for=unknown, for=10.0.0.1"},
		{"too many", []string{strings.Repeat("for=x,", 50) + "for=y"}, forward.Element[string]{For: proxy}, strings.Repeat("for=x, ", 30) + "for=y, for=10.0.0.1"},
		{"too long", []string{long + "," + long, long}, forward.Element[string]{For: proxy}, long + ", " + long + ", for=10.0.0.1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(forward.AppendForwarded([]byte("x"), tt.lines, tt.e)); got != "x"+tt.want {
				t.Errorf("AppendForwarded(%q, %v) = %q, want %q", tt.lines, tt.e, got, "x"+tt.want)
			}
			b := forward.Element[[]byte]{For: tt.e.For, Host: []byte(tt.e.Host), Proto: tt.e.Proto}
			if got := string(forward.AppendForwarded(nil, asBytes(tt.lines), b)); got != tt.want {
				t.Errorf("AppendForwarded(%q, %v) = %q of bytes, want %q", tt.lines, tt.e, got, tt.want)
			}
		})
	}
}

const (
	token  = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
	value  = "[!#$%&'*+.^_`|~0-9A-Za-z:\\[\\]-]+"
	quoted = `"(?:[\t !#-\[\]-~]|\\[\t -~])*"`
	pair   = "(?:" + token + "=(?:" + value + "|" + quoted + "))?"
)

var (
	wholeLine    = regexp.MustCompile(`(?s)^(?:[^"]|"(?:[^"\\]|\\.)*")*$`)
	part         = regexp.MustCompile(`(?s)(?:[^",]|"(?:[^"\\]|\\.)*")*`)
	wholeElement = regexp.MustCompile("^" + pair + `(?:[ \t]*;[ \t]*` + pair + ")*$")
	onePair      = regexp.MustCompile("(" + token + ")=(" + quoted + "|" + value + ")")
	hidden       = regexp.MustCompile(`:_[A-Za-z0-9._-]+$`)
)

// modelForwarded is the slow way to take lines of Forwarded apart: the value of for= of each element, empty if it can't
// be read. A line whose quotes do not match is one element that can't be read.
func modelForwarded(lines []string) []string {
	var out []string
	for _, line := range lines {
		if !wholeLine.MatchString(line) {
			out = append(out, "")
			continue
		}
		for rest, more := line, true; more; {
			e := part.FindString(rest)
			if rest = rest[len(e):]; rest == "" {
				more = false
			} else {
				rest = rest[1:]
			}
			out = append(out, modelElement(strings.Trim(e, " \t")))
		}
	}
	return out
}

func modelElement(e string) string {
	if !wholeElement.MatchString(e) {
		return ""
	}
	node, seen := "", 0
	for _, m := range onePair.FindAllStringSubmatch(e, -1) {
		if strings.ToLower(m[1]) == "for" {
			node, seen = strings.TrimSuffix(strings.TrimPrefix(m[2], `"`), `"`), seen+1
		}
	}
	if seen != 1 {
		return ""
	}
	return node
}

func modelForwardedNode(s string) (netip.Addr, bool) {
	if at := hidden.FindStringIndex(s); at != nil {
		s = s[:at[0]] + ":0" // A port like any other.
	}
	return modelNode(s)
}

// FuzzForwarded compares with the model. What AppendForwarded writes fits into a field, and who trusts us and whom we
// trust finds the same client by it.
func FuzzForwarded(f *testing.F) {
	for n, seed := range []string{
		"", ",", "for=198.51.100.1", "for=6.6.6.6, for=\"10.1.1.1:80\"\nfor=\"[fd00::1]:_x\";proto=http , FOR=10.2.2.2", "for=unknown, for=10.0.0.1",
		`for="a\"b,c;d", for=10.0.0.1;;host="x:1" ; `, `for=", for=10.0.0.1`, `for=10.6.6.6;x="\`, `for="10.0.0.1"x, for=10.0.0.1`, "for=;for=1.2.3.4",
		`x=", for=1.2.3.4;host=";for=10.0.0.1;y=\"a"`, `for=1.2.3.4,"`, "for=\"[::1]:_\", for=10.0.0.1:_a", strings.Repeat("for=10.1.1.1,", 40), "for=\"\xff\"",
	} {
		f.Add(seed, "example.com:81", n)
	}
	pick := peers(f)
	f.Fuzz(func(t *testing.T, text, host string, n int) {
		peer, lines := pick(n), fields(text)
		chain := modelForwarded(lines)
		want := modelWalk(trust, peer, chain, modelForwardedNode)
		if got := forward.ForwardedClient(trust, peer, lines); got != want {
			t.Fatalf("ForwardedClient(%s, %q) = %s, want %s", peer, lines, got, want)
		}
		if got := forward.ForwardedClient(trust, peer, asBytes(lines)); got != want {
			t.Fatalf("ForwardedClient(%s, %q) = %s of bytes, want %s", peer, lines, got, want)
		}
		got := string(forward.AppendForwarded(nil, lines, forward.Element[string]{For: peer, Host: host, Proto: "https"}))
		again := modelForwarded([]string{got})
		if len(got) > 1024 || len(again) > 32 || !printable(got) || again[len(again)-1] == "" {
			t.Fatalf("AppendForwarded(%q, %q) = %q", lines, host, got)
		}
		if next := forward.ForwardedClient(trust, proxy, []string{got}); len(again) > len(chain) && peer.IsValid() && next != want {
			t.Fatalf("AppendForwarded(%q, %s) = %q, by which the next one finds %s, not %s", lines, peer, got, next, want)
		}
	})
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return c != '\t' && (c < ' ' || c > '~') })
}
