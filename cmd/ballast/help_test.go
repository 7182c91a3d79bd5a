package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ballast-lb/ballast/internal/config"
)

func helped(t *testing.T, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	if err := run(t.Context(), args, &out); err != nil {
		t.Fatalf("ballast %s: %v", strings.Join(args, " "), err)
	}
	return out.String()
}

// Each command's help has the same parts, fits a terminal, and is the same however it is asked for.
func TestHelp_of_each_command(t *testing.T) {
	for _, c := range commands() {
		t.Run(c.name, func(t *testing.T) {
			text := helped(t, c.name, "--help")
			at := 0
			for _, part := range []string{"Usage: ballast " + c.name, "\n\n", "\nFlags:\n  --", "\n  --help\n", "\nExamples:\n  ", "\nExit codes:\n  0  ", "\n  1  "} {
				i := strings.Index(text[at:], part)
				if i < 0 {
					t.Fatalf("lacks %q after byte %d of\n%s", part, at, text)
				}
				at += i
			}
			for line := range strings.Lines(text) {
				if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > helpWidth {
					t.Errorf("%d columns: %s", n, line)
				}
			}
			if len(c.examples) < 2 || len(c.examples) > 4 {
				t.Errorf("%d examples, want 2 to 4", len(c.examples))
			}
			for _, args := range [][]string{{"help", c.name}, {c.name, "-h"}, {c.name, "-help"}} {
				if diff := cmp.Diff(text, helped(t, args...)); diff != "" {
					t.Errorf("ballast %s differs:\n%s", strings.Join(args, " "), diff)
				}
			}
		})
	}
}

// What help tells of is taken in all forms, and is not told of in vain: help is asked for behind it, which comes before all else.
func TestHelp_has_only_flags_that_are_taken(t *testing.T) {
	for _, c := range commands() {
		for _, o := range c.options() {
			value := ""
			if o.value != "" {
				value = "x"
				switch {
				case len(o.values) > 0:
					value = o.values[0]
				case o.name == "url":
					value = "http://127.0.0.1:1"
				case o.name == "min", o.name == "max", o.name == "warm", o.name == "slots", o.name == "seed", o.name == "seeds", o.name == "rate", o.name == "speed":
					value = "1"
				case strings.HasPrefix(o.value, "DURATION"):
					value = "1s"
				}
			}
			for _, dashes := range []string{"-", "--"} {
				forms := [][]string{{c.name, dashes + o.name, "--help"}}
				if value != "" {
					forms = [][]string{{c.name, dashes + o.name + "=" + value, "--help"}, {c.name, dashes + o.name, value, "--help"}}
				}
				for _, args := range forms {
					var out bytes.Buffer
					if err := run(t.Context(), args, &out); err != nil || out.String() != c.help() {
						t.Errorf("ballast %s = %v, want its help", strings.Join(args, " "), err)
					}
				}
			}
		}
	}
}

func TestHelp_overview(t *testing.T) {
	text := helped(t, "help")
	for _, c := range commands() {
		if !strings.Contains(text, fmt.Sprintf("\n  %-13s%s", c.name, c.summary+"\n")) {
			t.Errorf("lacks %s in\n%s", c.name, text)
		}
		for _, name := range c.own() {
			if !strings.Contains(text, name) {
				t.Errorf("lacks %s of %s", name, c.name)
			}
		}
	}
	for line := range strings.Lines(text) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > helpWidth {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	if strings.Contains(text, "--traffic.tls.cert") {
		t.Error("has flags of one command")
	}
}

func TestHelp_of_serve_has_every_key(t *testing.T) {
	text := helped(t, "serve", "--help")
	for _, k := range config.Keys() {
		if !strings.Contains(text, "\n  --"+k.Name+" VALUE\n") || !strings.Contains(text, k.Env()+")") {
			t.Errorf("lacks %s", k.Name)
		}
	}
}

func TestExitCode(t *testing.T) {
	tests := []struct {
		args string
		want int
	}{
		{"version", 0},
		{"sevre", 2},
		{"help sevre", 2},
		{"serve --nope", 2},
		{"check --nope", 2},
		{"check stray", 2},
		{"check --engine=podman", 1}, // A value, as it may stand in the file.
		{"demo --engine=docker", 1},
		{"check --config=/does/not/exist.yml", 1},
		{"status --url 10.0.0.5:8080", 2},
		{"status --wach", 2},
		{"status --url http://127.0.0.1:1", 1},
		{"why", 2},
		{"why web-1 --watch", 2},
		{"why web-1 --url=http://127.0.0.1:1", 1},
		{"scale", 2},
		{"scale web", 2},
		{"scale web four", 2},
		{"scale web --min x", 2},
		{"scale web --pause --resume", 2},
		{"scale web 4", 1}, // Nobody to act as.
		{"healthcheck --nope", 1},
		{"healthcheck --admin.listen=127.0.0.1:1", 1},
		{"simulate", 2},
		{"simulate step --nope", 2},
		{"simulate step step", 2},
		{"simulate step --slots=0", 2},
		{"simulate /does/not/exist.csv", 1},
		{"simulate --record=nowhere", 2},
		{"simulate --record=http://127.0.0.1:1", 1},
	}
	for _, name := range []string{"BALLAST_USER", "BALLAST_PASSWORD", "BALLAST_PASSWORD_FILE"} {
		t.Setenv(name, "")
	}
	for _, tt := range tests {
		args := strings.Fields(tt.args)
		var out bytes.Buffer
		if err := run(t.Context(), args, &out); exitCode(args, err) != tt.want {
			t.Errorf("ballast %s = %v, exit code %d, want %d", tt.args, err, exitCode(args, err), tt.want)
		}
	}
	if code := exitCode(nil, errors.New("it broke")); code != 1 {
		t.Errorf("exit code %d of a failure, want 1", code)
	}
}

// TestPage keeps docs/cli.md.
func TestPage(t *testing.T) {
	const path = "../../docs/cli.md"
	if *update {
		if err := os.WriteFile(path, []byte(page()), 0o644); err != nil { //nolint:gosec // A page of the documentation.
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(page(), string(have)); diff != "" {
		t.Errorf("%s is not what the code says; run: make generate (-want +got):\n%s", path, diff)
	}
}

// page is the help of all commands, but for the flags that docs/configuration.md has.
func page() string {
	var b strings.Builder
	b.WriteString("<!-- Made by make generate from cmd/ballast/commands.go. -->\n\n# The command line\n\n" +
		"`ballast help` and `ballast COMMAND --help` tell the same. Flags are `--flag=value` or `--flag value`, also with one dash.\n" +
		"Every key of [configuration.md](configuration.md) is a flag of `serve`, `demo` and `check`. `status`, `why`, `scale`\n" +
		"and `healthcheck` take them as well, so that one list of flags does for all, and use those that stand here.\n\n" +
		"## Exit codes\n\n| code | |\n| --- | --- |\n" +
		"| 0 | fine |\n| 1 | it failed, or what was asked for is not so; what is wrong is on standard error |\n" +
		"| 2 | the command line is wrong (never of `healthcheck`: Docker keeps that code for itself) |\n")
	for _, c := range commands() {
		fmt.Fprintf(&b, "\n## ballast %s\n\n```\n%s\n```\n\n%s\n", c.name, c.usage(), sentence(c.summary))
		if c.about != "" {
			fmt.Fprintf(&b, "\n%s\n", c.about)
		}
		b.WriteString("\n| flag | meaning |\n| --- | --- |\n")
		keys := false
		for _, o := range c.options() {
			if c.allKeys && o.isKey() {
				keys = true
				continue
			}
			meaning := o.meaning
			if o.name == "admin.listen" { // What it is by default stands in configuration.md.
				meaning = "as in [configuration.md](configuration.md)"
			}
			fmt.Fprintf(&b, "| `%s` | %s |\n", strings.TrimSpace("--"+o.name+" "+o.value), strings.ReplaceAll(meaning, "|", `\|`))
		}
		if keys {
			b.WriteString("| `--KEY VALUE` | every key of [configuration.md](configuration.md) |\n")
		}
		b.WriteString("\n```\n")
		for _, e := range c.examples {
			fmt.Fprintf(&b, "%s\n    %s\n", e.line, e.meaning)
		}
		b.WriteString("```\n\n| exit code | |\n| --- | --- |\n")
		for code, meaning := range c.exits() {
			fmt.Fprintf(&b, "| %d | %s |\n", code, meaning)
		}
	}
	return b.String()
}
