package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ballast-lb/ballast/internal/config"
)

// The exit codes. Docker keeps 2 of a health check for itself, so healthcheck ends with exitFailed in its place.
const (
	exitFine   = 0
	exitFailed = 1
	exitUsage  = 2
)

// helpWidth is how many columns help has at most.
const helpWidth = 80

// valueKind is what can stand for a flag's value or an argument.
type valueKind int

const (
	anything valueKind = iota
	words
	files
	pools
	names // Of containers.
	traces
)

// option is a flag as help, the page and completion tell of it.
type option struct {
	// name is without dashes; value stands for what it takes, and is empty for one that takes nothing.
	name, value, meaning string
	// kind says what can stand for the value.
	kind valueKind
	// values are what the value may be, if kind is words, and list says that it may be several, separated by commas.
	values []string
	list   bool
}

// example is a command line and what it is good for.
type example struct{ line, meaning string }

// write breaks text into lines of at most helpWidth columns, each after the indent.
func write(b *strings.Builder, indent, text string) {
	for paragraph := range strings.SplitSeq(text, "\n") {
		current := indent
		for word := range strings.FieldsSeq(paragraph) {
			switch {
			case current == indent:
				current += word
			case len([]rune(current))+1+len([]rune(word)) > helpWidth:
				b.WriteString(current + "\n")
				current = indent + word
			default:
				current += " " + word
			}
		}
		b.WriteString(strings.TrimRight(current, " ") + "\n")
	}
}

// usage is the command with its arguments.
func (c *command) usage() string {
	return strings.TrimSpace("ballast " + c.name + " " + c.args)
}

// options are all flags that help tells of.
func (c *command) options() (all []option) {
	if c.flags != nil {
		all = c.flags()
	}
	return append(all, option{name: "help", meaning: "print this"})
}

// failed is what exit code 1 says.
func (c *command) failed() string {
	return cmp.Or(c.exit1, "it failed; what is wrong is on standard error")
}

// exits are the exit codes with their meanings, in order.
func (c *command) exits() []string {
	all := []string{cmp.Or(c.exit0, "fine"), c.failed()}
	if !c.noExit2 {
		all = append(all, "the command line is wrong")
	}
	return all
}

// help is what ballast COMMAND --help prints.
func (c *command) help() string {
	var b strings.Builder
	write(&b, "", "Usage: "+c.usage())
	b.WriteString("\n")
	write(&b, "", sentence(c.summary))
	if c.about != "" {
		b.WriteString("\n")
		write(&b, "", c.about)
	}
	b.WriteString("\nFlags:\n")
	for _, o := range c.options() {
		write(&b, "  ", strings.TrimSpace("--"+o.name+" "+o.value))
		write(&b, "      ", o.meaning)
	}
	writeExamples(&b, c.examples)
	b.WriteString("\nExit codes:\n")
	for code, meaning := range c.exits() {
		writeExit(&b, code, meaning)
	}
	return b.String()
}

func writeExamples(b *strings.Builder, all []example) {
	b.WriteString("\nExamples:\n")
	for _, e := range all {
		fmt.Fprintf(b, "  %s\n", e.line)
		write(b, "      ", e.meaning)
	}
}

func writeExit(b *strings.Builder, code int, meaning string) {
	var lines strings.Builder
	write(&lines, "     ", meaning)
	fmt.Fprintf(b, "  %d  %s", code, strings.TrimPrefix(lines.String(), "     "))
}

// sentence begins with a capital and ends with a full stop.
func sentence(text string) string { return strings.ToUpper(text[:1]) + text[1:] + "." }

// overview is what ballast help prints.
func overview() string {
	const column = 15
	var b strings.Builder
	b.WriteString("Ballast is a load balancer that manages the containers behind it.\n\n" +
		"Usage: ballast [COMMAND] [flags]\n\nCommands:\n")
	for _, c := range commands() {
		var lines strings.Builder
		indent := strings.Repeat(" ", column)
		write(&lines, indent, c.summary)
		if own := c.own(); len(own) > 0 {
			write(&lines, indent, strings.Join(own, " "))
		}
		fmt.Fprintf(&b, "  %-*s%s", column-2, c.name, strings.TrimPrefix(lines.String(), indent))
	}
	b.WriteString("\n")
	write(&b, "", "Flags are --flag=value or --flag value. The command serve, and with it demo and check, has one for each key of the configuration. "+
		"ballast COMMAND --help tells all of a command.")
	writeExamples(&b, []example{
		{"ballast demo", "see it run, without Docker"},
		{"ballast serve --admin.listen=:9090", "run it"},
		{"ballast status --watch", "see the pools of the one that runs"},
	})
	b.WriteString("\nExit codes:\n")
	writeExit(&b, exitFine, "fine")
	writeExit(&b, exitFailed, "it failed, or what was asked for is not so; what is wrong is on standard error")
	writeExit(&b, exitUsage, "the command line is wrong (never of healthcheck: Docker keeps that code for itself)")
	return b.String()
}

// isKey says that it is a flag of the configuration.
func (o option) isKey() bool {
	return slices.ContainsFunc(config.Keys(), func(k config.Key) bool { return k.Name == o.name })
}

// own are the flags that are not keys of the configuration, and help.
func (c *command) own() (names []string) {
	for _, o := range c.options() {
		if o.name != "help" && !o.isKey() {
			names = append(names, "--"+o.name)
		}
	}
	return names
}

// printHelp writes the help of the command that args name, or of all.
func printHelp(args []string, out io.Writer) error {
	text := overview()
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		c := find(args[0])
		if c == nil {
			return unknownCommand(args[0])
		}
		text = c.help()
	}
	_, err := io.WriteString(out, text)
	return err
}

// keyOptions are the flags of the configuration's keys; if names are given, only those.
func keyOptions(names ...string) []option {
	all := []option{{name: "config", value: "FILE", meaning: "YAML file to read (BALLAST_CONFIG)", kind: files}}
	for _, k := range config.Keys() {
		if len(names) > 0 && !slices.Contains(names, k.Name) {
			continue
		}
		o := option{name: k.Name, value: "VALUE", meaning: k.Meaning}
		switch k.Default {
		case "":
			o.meaning += fmt.Sprintf(" (%s)", k.Env())
		default:
			o.meaning += fmt.Sprintf(" (default %s; %s)", k.Default, k.Env())
		}
		if o.values = k.Values(); len(o.values) > 0 {
			o.kind = words
		}
		all = append(all, o)
	}
	return all
}

// clientFlags are the flags by which the running balancer is found.
func clientFlags() []option {
	return append([]option{{name: "url", value: "URL", meaning: "the balancer's admin listener; without it that of admin.listen, at this host"}}, keyOptions("admin.listen")...)
}
