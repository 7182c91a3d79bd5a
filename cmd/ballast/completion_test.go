package main

import (
	"bytes"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ballast-lb/ballast/containers/autoscale/sim"
)

// named is a balancer with two pools and three containers.
func named(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/api/v1/pools":
			_, _ = w.Write([]byte(`[{"name":"shop","policy":"weighted"},{"name":"api","policy":"maglev"}]`))
		case "/api/v1/containers":
			_, _ = w.Write([]byte(`[{"name":"web-1","image":"web:2"},{"name":"web-2","image":"web:2"},{"name":"db\u001b[2J","image":"db"}]`))
		default:
			t.Errorf("asked for %s", r.URL)
		}
	}))
	t.Cleanup(func() {
		s.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return s.URL
}

// completed are the words that complete prints, without what they mean.
func completed(t *testing.T, args ...string) []string {
	t.Helper()
	var out bytes.Buffer
	if err := run(t.Context(), append([]string{completeCommand}, args...), &out); err != nil {
		t.Fatal(err)
	}
	all := []string{}
	for line := range strings.Lines(out.String()) {
		text, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		all = append(all, text)
	}
	return all
}

func TestComplete(t *testing.T) {
	base := named(t)
	t.Setenv("BALLAST_ADMIN_LISTEN", strings.TrimPrefix(base, "http://"))
	traces, _ := sim.Names()
	nowhere := "--url=http://127.0.0.1:1"
	tests := []struct {
		words string // Separated by a space; what stands behind the last one is to be completed.
		want  []string
	}{
		{"", []string{"serve", "demo", "check", "status", "why", "scale", "healthcheck", "simulate", "completion", "version", "help"}},
		{"s", []string{"serve", "status", "scale", "simulate"}},
		{"nope ", nil},
		{"help st", []string{"status"}},
		{"completion ", []string{"bash", "zsh", "fish"}},
		{"completion bash ", nil},
		{"status ", nil},
		{"status --", []string{"--watch", "--json", "--url", "--config", "--admin.listen", "--help"}},
		{"status -w", []string{"-watch"}},
		{"status --json --watch --url=http://a -", []string{"--config", "--admin.listen", "--help"}},
		{"--log.", []string{"--log.level", "--log.format"}},
		{"serve --log.level ", []string{"debug", "info", "warn", "error"}},
		{"serve --log.level=d", []string{"--log.level=debug"}},
		{"serve -log.level=d", []string{"-log.level=debug"}},
		{"--engine e", []string{"embedded"}},
		{"demo --engine ", nil},
		{"check --config ", []string{":files"}},
		{"check --config=b", []string{":files"}},
		{"serve --instance ", nil},
		{"why ", []string{"web-1", "web-2", "db [2J"}},
		{"why --json w", []string{"web-1", "web-2"}},
		{"why web-1 ", nil},
		{"why " + nowhere + " w", nil},
		{"why --url http://127.0.0.1:1 w", nil},
		{"why --url nonsense w", nil},
		{"scale ", []string{"shop", "api"}},
		{"scale --min 3 a", []string{"api"}},
		{"scale --admin.listen 127.0.0.1:1 ", nil},
		{"scale shop --min ", []string{"none"}},
		{"scale shop --m", []string{"--min", "--max"}},
		{"simulate ", append(slices.Clone(traces), ":files")},
		{"simulate step --policy=kpa,h", []string{"--policy=kpa,hpa"}},
		{"simulate step --policy kpa,k", []string{"kpa,kpa", "kpa,keda"}},
		{"simulate --plot ", []string{":files"}},
		{"simulate --record " + base + " --pool s", []string{"shop"}},
		{"simulate --record http://127.0.0.1:1 --pool ", nil},
	}
	for _, tt := range tests {
		if tt.want == nil {
			tt.want = []string{}
		}
		if diff := cmp.Diff(tt.want, completed(t, strings.Split(tt.words, " ")...)); diff != "" {
			t.Errorf("ballast %s<TAB> (-want +got):\n%s", tt.words, diff)
		}
	}
	if got := completed(t); len(got) != len(commands())+1 {
		t.Errorf("no word at all becomes %q, want the commands", got)
	}
}

// A balancer that takes its time keeps nobody waiting at the prompt.
func TestComplete_does_not_wait(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // Connections are made, and nobody answers.
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	began := time.Now()
	if got := completed(t, "scale", "--url", "http://"+l.Addr().String(), ""); len(got) != 0 {
		t.Errorf("got %q, want nothing", got)
	}
	if took := time.Since(began); took > statusTimeout {
		t.Errorf("took %s, want about %s", took, completeTimeout)
	}
}

func TestCompletion_of_no_shell(t *testing.T) {
	for _, args := range [][]string{nil, {"tcsh"}, {"bash", "zsh"}} {
		var out bytes.Buffer
		if err := completion(t.Context(), args, &out); err == nil || exitCode([]string{"completion"}, err) != exitUsage || out.Len() > 0 {
			t.Errorf("ballast completion %q = %v and %q, want a usage error", args, err, out.String())
		}
	}
}

// shell runs a script in a shell in which ballast is this program, and which has loaded its completion.
func shell(t *testing.T, name, script string, args ...string) []string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("no %s here", name)
	}
	dir := t.TempDir()
	if err := os.Symlink(os.Args[0], filepath.Join(dir, "ballast")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "lb.yml"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var loaded bytes.Buffer
	if err := completion(t.Context(), []string{name}, &loaded); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "completion")
	if err := os.WriteFile(file, loaded.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, append(args, "-c", strings.ReplaceAll(script, "COMPLETION", file))...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), asBallast+"=1", "PATH="+dir+":"+os.Getenv("PATH"), "HOME="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
}

// What bash is told is what it puts in place of the part of the word behind its last word break.
func TestCompletion_bash(t *testing.T) {
	t.Setenv("BALLAST_ADMIN_LISTEN", strings.TrimPrefix(named(t), "http://"))
	tests := []struct {
		line string
		want []string
	}{
		{"ballast sta", []string{"status"}},
		{"ballast check --log.level ", []string{"debug", "info", "warn", "error"}},
		{"ballast check --log.level=", []string{"debug", "info", "warn", "error"}},
		{"ballast check --log.level=w", []string{"warn"}},
		{"ballast why   web", []string{"web-1", "web-2"}},
		{"~/ballast scale ", []string{"shop", "api"}},
		{"ballast scale --url http://127.0.0.1:1 ", []string{""}},
		{"ballast check --config ", []string{""}}, // Bash completes files by itself.
		{"ballast simulate step --policy=kpa,h", []string{"kpa,hpa"}},
	}
	for _, tt := range tests {
		program, _, _ := strings.Cut(tt.line, " ")
		got := shell(t, "bash", `source COMPLETION
complete -p ballast | grep -q -- '-F _ballast ballast' || echo not registered
COMP_LINE='`+tt.line+`' COMP_POINT=${#COMP_LINE} COMP_WORDS=('`+program+`')
COMP_POINT=${#COMP_LINE}
_ballast
printf '%s\n' "${COMPREPLY[@]}"`, "--norc", "--noprofile")
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s<TAB> (-want +got):\n%s", tt.line, diff)
		}
	}
}

// A real one, with its line editor, which shows what became of the line.
func TestCompletion_bash_at_a_prompt(t *testing.T) {
	t.Setenv("BALLAST_ADMIN_LISTEN", strings.TrimPrefix(named(t), "http://"))
	const ctrlU = "\x15" // The line is not run.
	for line, want := range map[string]string{
		"ballast stat":                "ballast status ",
		"ballast check --log.level=w": "ballast check --log.level=warn ",
		"ballast check --config l":    "ballast check --config lb.yml ",
		"ballast check --config=l":    "ballast check --config=lb.yml ",
		"ballast scale sh":            "ballast scale shop ",
	} {
		got := shell(t, "bash", "echo source COMPLETION >rc\nprintf '%s\\n' '"+line+"\t"+ctrlU+"' exit | bash --noprofile --rcfile rc -i 2>&1", "--norc", "--noprofile")
		if text := strings.Join(got, "\n"); !strings.Contains(text, want) {
			t.Errorf("%s<TAB> became\n%q\nwant %q", line, text, want)
		}
	}
}

func TestCompletion_fish(t *testing.T) {
	t.Setenv("BALLAST_ADMIN_LISTEN", strings.TrimPrefix(named(t), "http://"))
	for line, want := range map[string]string{
		"ballast stat":                "status\tshow the pools of the running balancer and why they scale",
		"ballast check --log.level=w": "--log.level=warn",
		"ballast check --config l":    "lb.yml",
		"ballast scale sh":            "shop\tweighted",
		"ballast completion f":        "fish",
	} {
		got := shell(t, "fish", "source COMPLETION; complete -C '"+line+"'", "--no-config")
		if diff := cmp.Diff([]string{want}, got); diff != "" {
			t.Errorf("%s<TAB> (-want +got):\n%s", line, diff)
		}
	}
}

func TestCompletion_zsh(t *testing.T) {
	t.Setenv("BALLAST_ADMIN_LISTEN", strings.TrimPrefix(named(t), "http://"))
	for line, want := range map[string][]string{
		"ballast stat":                 {"status:show the pools of the running balancer and why they scale"},
		"ballast check --log.level=w":  {"--log.level=warn"},
		"ballast check --config bal":   {"files"},
		"ballast check --config=bal":   {"-P *=", "files"},
		"ballast scale ":               {"shop:weighted", "api:maglev"},
		"~/ballast completion z":       {"zsh"},
		"ballast why --url=http://a w": {""},
	} {
		got := shell(t, "zsh", `compdef() { [[ $* == "_ballast ballast" ]] || print "compdef $*" }
source COMPLETION
_describe() { print -rl -- "${candidates[@]}" }
_files() { print files }
compset() { print -r -- "$*" }
line='`+line+`'
words=("${(@s: :)line}")
CURRENT=${#words} PREFIX=${words[-1]}
_ballast; true`, "-f")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s<TAB> (-want +got):\n%s", line, diff)
		}
	}
}
