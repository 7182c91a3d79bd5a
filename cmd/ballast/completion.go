package main

import (
	"context"
	"embed"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/ballast-lb/ballast/containers/autoscale/sim"
)

const (
	// completeCommand is what the scripts ask; it is no command of people.
	completeCommand = "__complete"
	// completeTimeout is how long a balancer may take to name its pools: somebody waits at a prompt.
	completeTimeout = 500 * time.Millisecond
	// anyFile tells the scripts to complete names of files.
	anyFile = ":files"
)

//go:embed completion
var completionScripts embed.FS

func shells() []string { return []string{"bash", "zsh", "fish"} }

// completion prints the script for a shell. The scripts ask complete each time, so that they never lag behind.
func completion(_ context.Context, args []string, out io.Writer) error {
	if slices.ContainsFunc(args, isHelp) {
		return flag.ErrHelp
	}
	if len(args) != 1 || !slices.Contains(shells(), args[0]) {
		return usage("say for which shell: ballast completion %s", strings.Join(shells(), ", or "))
	}
	script, err := completionScripts.ReadFile("completion/ballast." + args[0])
	if err != nil {
		return err
	}
	_, err = out.Write(script)
	return err
}

// candidate is what a word can become, and what that means.
type candidate struct{ text, meaning string }

// complete prints what the last of the words can become, a line each: the word, and behind a tab what it means. What can't
// be found out is left out in silence.
func complete(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		args = []string{""}
	}
	last := args[len(args)-1]
	for _, c := range candidates(ctx, args[:len(args)-1], last) {
		text := c.text
		if text != anyFile && !strings.HasPrefix(text, last) {
			continue
		}
		if c.meaning != "" {
			text += "\t" + c.meaning
		}
		if _, err := fmt.Fprintln(out, text); err != nil {
			return err
		}
	}
	return nil
}

// candidates are what last may become behind the words before it; some may not begin as last does.
func candidates(ctx context.Context, before []string, last string) (all []candidate) {
	c, first := find("serve"), len(before) == 0
	switch {
	case first && !strings.HasPrefix(last, "-"):
		return commandNames()
	case !first && !strings.HasPrefix(before[0], "-"):
		if before[0] == "help" {
			return commandNames()
		}
		if c, before = find(before[0]), before[1:]; c == nil {
			return nil
		}
	}
	options := c.options()
	if name, value, ok := strings.Cut(last, "="); ok && strings.HasPrefix(last, "-") {
		if o := optionOf(options, name); o != nil {
			all = o.candidates(ctx, before, value)
		}
		for i := range all {
			if all[i].text != anyFile {
				all[i].text = name + "=" + all[i].text
			}
		}
		return all
	}
	arguments := 0
	for i := 0; i < len(before); i++ {
		o := optionOf(options, before[i])
		switch {
		case !strings.HasPrefix(before[i], "-"):
			arguments++
		case o != nil && o.value != "" && i+1 == len(before):
			return o.candidates(ctx, before, last)
		case o != nil && o.value != "":
			i++
		}
	}
	if strings.HasPrefix(last, "-") {
		return flagCandidates(options, before, last)
	}
	if arguments < len(c.takes) {
		return c.takes[arguments].candidates(ctx, before, last)
	}
	return nil
}

func commandNames() (all []candidate) {
	for _, c := range commands() {
		all = append(all, candidate{c.name, c.summary})
	}
	return append(all, candidate{"help", "tell of all commands, or of one"})
}

// flagCandidates are the flags that are not there yet, with as many dashes as last has.
func flagCandidates(options []option, before []string, last string) (all []candidate) {
	dashes := "--"
	if len(last) > 1 && last[1] != '-' {
		dashes = "-"
	}
	for _, o := range options {
		given := slices.ContainsFunc(before, func(word string) bool {
			name, _, _ := strings.Cut(word, "=")
			return name == "-"+o.name || name == "--"+o.name
		})
		if !given {
			all = append(all, candidate{dashes + o.name, o.meaning})
		}
	}
	return all
}

// optionOf finds the option that a word is; nil if it is none, or has its value with it.
func optionOf(options []option, word string) *option {
	name := strings.TrimPrefix(strings.TrimPrefix(word, "-"), "-")
	i := slices.IndexFunc(options, func(o option) bool { return o.name == name })
	if i < 0 || !strings.HasPrefix(word, "-") {
		return nil
	}
	return &options[i]
}

// candidates are what the option's value, or the argument, may be.
func (o *option) candidates(ctx context.Context, before []string, last string) (all []candidate) {
	switch o.kind {
	case words:
		begin := ""
		if o.list {
			begin = last[:strings.LastIndex(last, ",")+1]
		}
		for _, v := range o.values {
			all = append(all, candidate{text: begin + v})
		}
	case traces:
		known, abouts := sim.Names()
		for i, name := range known {
			all = append(all, candidate{name, abouts[i]})
		}
		all = append(all, candidate{text: anyFile})
	case files:
		all = append(all, candidate{text: anyFile})
	case pools:
		all = running(ctx, before, strings.TrimSuffix(poolsPath, "/"))
	case names:
		all = running(ctx, before, containersPath)
	case anything:
	}
	return all
}

// running asks the balancer that the flags name what there is.
func running(ctx context.Context, flags []string, path string) (all []candidate) {
	var args []string // Those that say where it is.
	for i := 0; i < len(flags); i++ {
		name, value, ok := strings.Cut(flags[i], "=")
		switch name = "--" + strings.TrimLeft(name, "-"); name {
		case "--record": // Where simulate has its pools from.
			name = "--url"
		case "--url", "--admin.listen", "--config":
		default:
			continue
		}
		if !ok && i+1 < len(flags) {
			i++
			value = flags[i]
		}
		args = append(args, name+"="+value)
	}
	o, err := parseClient(args, "")
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, completeTimeout)
	defer cancel()
	body, err := fetch(ctx, o.url, path)
	if err != nil {
		return nil
	}
	var found []struct{ Name, Image, Policy string }
	if json.Unmarshal(body, &found) != nil {
		return nil
	}
	for _, f := range found {
		all = append(all, candidate{printable(f.Name), printable(f.Image + f.Policy)})
	}
	return all
}
