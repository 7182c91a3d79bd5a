package containers

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write generated files instead of comparing with them")

const labelsPage = "../docs/labels.md"

// TestLabelsPage compares docs/labels.md with the table; go generate writes it.
func TestLabelsPage(t *testing.T) {
	page := renderLabels()
	if *update {
		if err := os.WriteFile(labelsPage, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(labelsPage)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(page, string(have)); diff != "" {
		t.Errorf("docs/labels.md is not what the table says; run: go generate ./containers (-want +got):\n%s", diff)
	}
}

func renderLabels() string {
	var b strings.Builder
	b.WriteString(`<!-- Made by go generate ./containers from containers/labels.go. -->

# Labels

Ballast reads these labels of containers. They begin with ` + "`ballast.`" + `, or with another prefix that the
configuration key ` + "`labels.prefix`" + ` sets. Times are written with a unit: ` + "`500ms`, `10s`, `1m`" + `.

A label that does not parse keeps only its own container out; the reason is in the dashboard, in
` + "`/api/v1/containers`" + ` and once in the log. A label that is not in these tables is a warning. ` + "`ballast why NAME`" + ` shows
what the labels of a container were read as ([why.md](why.md)).

`)
	section := func(of scope, title, lead string) {
		b.WriteString("## " + title + "\n\n" + lead + "\n\n| label | default | example | meaning |\n| --- | --- | --- | --- |\n")
		for _, l := range table {
			if l.scope == of {
				def := l.unset
				if l.initial != "" {
					def = "`" + l.initial + "`"
				}
				b.WriteString("| `ballast." + l.name + "` | " + def + " | `" + l.example + "` | " + l.meaning + " |\n")
			}
		}
		b.WriteString("\n")
	}
	section(scopeContainer, "Of a container", "Each container has its own.")
	section(scopePool, "Of a pool", `Any member may set them for its pool. They may also stand in the configuration, as
`+"`pools.<name>.<label without prefix>`"+`, which wins over labels. Where members disagree, the lowest
container name that sets the label wins, and the pool shows a warning. Clones have no say while
there is a container that Ballast did not make.`)
	section(scopeClone, "Set by Ballast", `On the containers that it makes. Ballast never changes or removes a container without them. It stops and starts
others only where `+"`ballast.scale.min=0` or `ballast.heal=restart`"+` asks for it.`)
	return strings.TrimSuffix(b.String(), "\n")
}
