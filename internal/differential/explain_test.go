package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestParseExplanations_refuses_bad_lines(t *testing.T) {
	for _, bad := range []string{"nginx | body | closed | more", "nginx | body | closed | | why", "nginx | body | closed | more | why | more"} {
		if _, err := parseExplanations("# fine\n" + bad + "\n"); err == nil || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("parseExplanations(%q) error = %v, want one of line 2", bad, err)
		}
	}
}

func TestExplain_prefers_the_name(t *testing.T) {
	all, err := parseExplanations("nginx / other | request | forwarded | host | any\nnginx | request | forwarded | \"user\" | this one\n")
	if err != nil {
		t.Fatal(err)
	}
	d := difference{probe: &probe{kind: kindRequest, name: "user", verdict: "400 host"}, server: "nginx", theirs: "forwarded"}
	if got := explain(all, d); got != "this one" {
		t.Errorf("explain() = %q, want that of the name", got)
	}
	d.probe = &probe{kind: kindRequest, name: "path", verdict: "400 host"}
	if got := explain(all, d); got != "any" {
		t.Errorf("explain() = %q, want that of the slug", got)
	}
	d.theirs = "closed"
	if got := explain(all, d); got != "" {
		t.Errorf("explain() = %q for what is not explained, want nothing", got)
	}
}

// TestExplanations keeps the file from naming what there is not.
func TestExplanations(t *testing.T) {
	all, err := parseExplanations(explanationsText)
	if err != nil {
		t.Fatal(err)
	}
	probes, err := loadCorpus(corpusDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		for _, name := range e.cases {
			if !slices.ContainsFunc(probes, func(p *probe) bool {
				return (p.quoted() == name || p.slug() == name) && slices.Contains(e.kinds, string(p.kind))
			}) {
				t.Errorf("no case or slug %q of %v, which is explained by: %s", name, e.kinds, e.why)
			}
		}
		for _, s := range e.servers {
			if s != "nginx" && s != "haproxy" {
				t.Errorf("no server %q", s)
			}
		}
		if !strings.Contains(e.why, "RFC") && !strings.Contains(e.why, "limit") && !strings.Contains(e.why, "nginx") {
			t.Errorf("neither a rule nor a habit in: %s", e.why)
		}
	}
}

func TestComparison_reports_what_is_unexplained(t *testing.T) {
	probes := []*probe{{kind: kindRequest, name: "user", verdict: "400 host", rfc: "RFC 9112 3.2"}}
	servers := []*server{{name: "ballast"}, {name: "nginx"}}
	results := [][]result{{{outcome: "refused 400"}}, {{outcome: "forwarded", first: message{method: "GET"}}}}
	var out bytes.Buffer
	if got := newComparison(probes, servers, results, nil).print(&out); got != 1 || !strings.Contains(out.String(), "UNEXPLAINED") {
		t.Errorf("print() = %d, want 1 and UNEXPLAINED in:\n%s", got, &out)
	}
	results[0][0].outcome = "forwarded" // So they agree, but not with the corpus.
	results[0][0].first = message{method: "GET"}
	out.Reset()
	if got := newComparison(probes, servers, results, nil).print(&out); got != 1 || !strings.Contains(out.String(), "WRONG: forwarded, want refused 400") {
		t.Errorf("print() = %d, want 1 and WRONG in:\n%s", got, &out)
	}
}

func TestCompare(t *testing.T) {
	get := message{method: "GET", target: "/", host: "a", whole: true}
	moved := get
	moved.target = "/b"
	hidden := get
	hidden.host = "lane1"
	tests := []struct {
		name         string
		ours, theirs result
		class        class
		differ       bool
	}{
		{"alike", result{outcome: "forwarded", first: get}, result{outcome: "forwarded", first: get}, other, false},
		{"host that is hidden", result{outcome: "forwarded", first: get}, result{outcome: "forwarded", first: hidden}, other, false},
		{"target", result{outcome: "forwarded", first: get}, result{outcome: "forwarded", first: moved}, other, true},
		{"laxer", result{outcome: "refused 400"}, result{outcome: "forwarded"}, laxer, true},
		{"stricter", result{outcome: "answered 200"}, result{outcome: "refused 502"}, stricter, true},
		{"status", result{outcome: "refused 400"}, result{outcome: "refused 501"}, otherwise, true},
		{"begun", result{outcome: "refused 400"}, result{outcome: "begun, then 400"}, begins, true},
		{"cut off is begun", result{outcome: "answered 200, cut off"}, result{outcome: "closed"}, begins, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, differ := compare(&probe{}, &server{hides: "lane"}, tt.ours, tt.theirs)
			if differ != tt.differ || differ && d.class != tt.class {
				t.Errorf("compare() = %+v, %t, want class %d, %t", d, differ, tt.class, tt.differ)
			}
		})
	}
}
