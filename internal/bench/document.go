package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"github.com/ballast-lb/ballast/internal/child"
)

// document is what -json writes. Names and units of figures are those of metric.
type document struct {
	// Versions are those of the balancers that tell theirs, by name.
	Versions map[string]string `json:"versions"`
	Cores    int               `json:"cores"`
	Backends int               `json:"backends"`
	Rounds   int               `json:"rounds"`
	Seconds  float64           `json:"seconds_per_round"`
	// Load is what makes it, but for HTTP/2 and what has a rate.
	Load      string             `json:"load"`
	Scenarios []documentScenario `json:"scenarios"`
	Targets   []verdict          `json:"targets"`
}

type documentScenario struct {
	Name        string   `json:"name"`
	Connections int      `json:"connections"`
	Bytes       int      `json:"bytes"`
	Streams     int      `json:"streams,omitempty"`
	Rate        int      `json:"requests_per_second,omitempty"`
	Results     []result `json:"results"`
}

func newDocument(s settings) document {
	d := document{
		Versions: map[string]string{}, Cores: runtime.NumCPU(), Backends: s.backends, Rounds: s.rounds,
		Seconds: s.duration.Seconds(), Load: "wrk",
	}
	if s.builtin || !haveWrk() {
		d.Load = "builtin"
	}
	return d
}

func (d *document) addVersion(name, version string) {
	if version != "" {
		d.Versions[name] = version
	}
}

// add notes a scenario's results, none if it failed, and judges them.
func (d *document) add(sc scenario, results []result) {
	d.Scenarios = append(d.Scenarios, documentScenario{
		Name: sc.name, Connections: sc.connections, Bytes: sc.bytes, Streams: sc.streams, Rate: sc.rate, Results: results,
	})
	d.Targets = append(d.Targets, judge(sc.name, results)...)
}

// printHead says how is measured.
func (d *document) printHead(out io.Writer) {
	fmt.Fprintf(out, "%d backends; %d rounds of %gs in turns: median and lowest-highest; balancer on core %s, backends and load (%s) on %s\n",
		d.Backends, d.Rounds, d.Seconds, child.FirstCore, d.Load, child.OtherCores())
}

// printVersions says of what the others were.
func (d *document) printVersions(out io.Writer) {
	var versions []string
	for _, k := range balancers {
		if version := d.Versions[k.name]; version != "" && k.name != haproxySplice {
			versions = append(versions, k.name+" "+version)
		}
	}
	if len(versions) > 0 {
		fmt.Fprintf(out, "beside %s\n", strings.Join(versions, ", "))
	}
}

func (d *document) write(file string) error {
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	if err := os.WriteFile(file, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return nil
}
