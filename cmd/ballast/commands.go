package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/internal/app"
	"github.com/ballast-lb/ballast/internal/config"
)

// version is set by the build: -ldflags "-X main.version=…".
var version = ""

// command is one subcommand. run returns nil for exit code 0, flag.ErrHelp to have its help printed, a usageError if the
// command line is wrong, or another error; what it says is printed as it is.
type command struct {
	// args stand behind the name; summary is a line, in lower case and without a full stop; about are paragraphs.
	name, args, summary, about string
	run                        func(ctx context.Context, args []string, out io.Writer) error
	// flags are what it takes besides --help, nil for none; allKeys says that those of the configuration are among them.
	flags   func() []option
	allKeys bool
	// takes are its arguments, for completion.
	takes    []option
	examples []example
	// exit0 and exit1 say what those codes mean where it is not the usual; noExit2 that 1 stands for 2 as well.
	exit0, exit1 string
	noExit2      bool
}

func commands() []command { return slices.Concat(servers(), clients(), others()) }

// servers are those that read the whole configuration.
func servers() []command {
	return []command{
		{
			name: "serve", args: "[flags]", summary: "run the balancer (the default)", run: serve,
			about: "The values of flags win over those of the environment, these over the configuration file, and that over the defaults. " +
				"SIGHUP reads the file again, SIGTERM lets requests finish and ends.",
			flags: func() []option { return keyOptions() }, allKeys: true,
			examples: []example{
				{"ballast serve", "on :8080 and :8000, with the Docker Engine of this host"},
				{"ballast serve --config /etc/ballast.yml", "by a file"},
				{"ballast serve --traffic.listen=:80 --log.level=debug", "by flags"},
			},
			exit0: "it was told to end, and has ended",
			exit1: "the configuration is not valid, it could not start, or it broke",
		},
		{
			name: "demo", args: "[flags]", summary: "run it without Docker, with three mock backends in this process", run: demo,
			about: "It is the balancer with its engine fixed to embedded; all else is as with serve.",
			flags: func() []option {
				return slices.DeleteFunc(keyOptions(), func(o option) bool { return o.name == "engine" || o.name == "docker.host" })
			}, allKeys: true,
			examples: []example{
				{"ballast demo", "then see http://localhost:8080"},
				{"ballast demo --admin.listen=:9090", "at another port"},
			},
			exit0: "it was told to end, and has ended",
			exit1: "the configuration is not valid, it could not start, or it broke",
		},
		{
			name: "check", args: "[flags]", summary: "check the configuration and say what is wrong", run: check,
			about: "It reads the configuration as serve does, with the files that it names, and starts nothing. If all is well it says what would be in force.",
			flags: func() []option {
				return append([]option{{name: "json", meaning: "print JSON: what would be in force, or all problems"}}, keyOptions()...)
			}, allKeys: true,
			examples: []example{
				{"ballast check --config ballast.yml", "a file, with the environment of this shell"},
				{"ballast check --traffic.listen=:80", "flags, before they are used"},
				{"ballast check --json | jq .problems", "for a program"},
			},
			exit0: "the configuration is valid",
			exit1: "it is not; every problem is a line on standard error, with its key, its value and what to do",
		},
	}
}

// clients are those that ask a balancer that runs.
func clients() []command {
	return []command{
		{
			name: "status", args: "[flags]", summary: "show the pools of the running balancer and why they scale", run: status,
			about: "READY is of how many replicas there should be. Colours are only used on a terminal, and not if NO_COLOR is set. On a narrow terminal " +
				"columns are left out. With --watch a balancer that is started again is followed.",
			flags: func() []option {
				return append([]option{
					{name: "watch", meaning: "show it again every second, until Ctrl-C"},
					{name: "json", meaning: "print the JSON of GET /metrics; with --watch on one line each time"},
				}, clientFlags()...)
			},
			examples: []example{
				{"ballast status", "once, of the balancer on this host"},
				{"ballast status --watch", "again every second"},
				{"ballast status --json | jq .pools", "what GET /metrics answers"},
				{"ballast status --url http://10.0.0.5:8080", "of another one"},
			},
			exit1: "no Ballast answers, or what answers is none",
		},
		{
			name: "why", args: "NAME [flags]", summary: "say why a container is routed, or not, and what to do", run: why,
			about: "NAME is a container's name or ID, or the beginning of one.",
			takes: []option{{kind: names}},
			flags: func() []option {
				return append([]option{{name: "json", meaning: "print JSON: a list of the containers that NAME stands for"}}, clientFlags()...)
			},
			examples: []example{
				{"ballast why web-1", "by its name"},
				{"ballast why 4f2a9c", "by the beginning of its ID"},
				{"ballast why web-1 --json | jq .[0].remedy", "what GET /api/v1/containers says of it"},
			},
			exit1: "there is no such container, or no Ballast answers",
		},
		{
			name: "scale", args: "POOL [N] [flags]", summary: "scale a pool of the running balancer by hand", run: scale,
			about: "With N it waits until as many replicas are ready. Limits are set first, then it pauses or resumes, then it scales. " +
				"It acts as the user BALLAST_USER of the balancer's users file, with the password in BALLAST_PASSWORD, or in the file that " +
				"BALLAST_PASSWORD_FILE names.",
			takes: []option{{kind: pools}},
			flags: func() []option {
				return append([]option{
					{name: "pause", meaning: "stop autoscaling until --resume"},
					{name: "resume", meaning: "go on with it"},
					{name: "min", value: "N", meaning: "fewest replicas for now; none takes it back", kind: words, values: []string{"none"}},
					{name: "max", value: "N", meaning: "most replicas for now; none takes it back", kind: words, values: []string{"none"}},
				}, clientFlags()...)
			},
			examples: []example{
				{"ballast scale web 4", "4 replicas now, and wait until they are ready"},
				{"ballast scale web --pause", "no autoscaling until --resume"},
				{"ballast scale web 2 --pause", "both: paused, then 2 replicas until --resume"},
				{"ballast scale web --max 12", "a maximum for now; --max none takes it back"},
			},
			exit1: "it was refused, something is in the way of the replicas, or no Ballast answers",
		},
		{
			name: "healthcheck", args: "[flags]", summary: "ask the running balancer whether it is healthy, for HEALTHCHECK", run: healthcheck,
			flags: func() []option { return keyOptions("admin.listen") },
			examples: []example{
				{"ballast healthcheck", "of the balancer in this container"},
				{"ballast healthcheck --admin.listen=:9090", "where it listens elsewhere"},
			},
			exit0: "it is healthy", exit1: "it is not, does not answer, or the command line is wrong", noExit2: true,
		},
	}
}

// others need no balancer.
func others() []command {
	return []command{
		{
			name: "simulate", args: "TRACE [flags]", summary: "say what scaling policies would do with a trace of requests", run: simulate,
			about: "TRACE is a file (one number of requests per line, after a header \"requests\" and comments such as " +
				"\"# resolution_seconds=60\"), or one of those that --list names.",
			flags: simulationFlags, takes: []option{{kind: traces}},
			examples: []example{
				{"ballast simulate step", "all policies, with a trace that comes with Ballast"},
				{"ballast simulate bursty --policy ballast,kpa --warm 2 --plot bursty.svg", "two of them, with a plot"},
				{"ballast simulate --record http://localhost:8080 --pool shop > shop.csv", "the trace of a pool"},
				{"ballast simulate shop.csv --min 2 --warm 1", "what would have been"},
			},
			exit1: "the trace can't be read, or a file can't be written",
		},
		{
			name: "completion", args: strings.Join(shells(), "|"), summary: "print a script that completes ballast's command line in a shell", run: completion,
			about: "It completes commands, flags and their values, and the names of pools and containers, which it asks the running balancer for.",
			takes: []option{{kind: words, values: shells()}},
			examples: []example{
				{"source <(ballast completion bash)", "for this bash; in ~/.bashrc for all"},
				{"source <(ballast completion zsh)", "for this zsh; in ~/.zshrc, behind compinit, for all"},
				{"ballast completion fish > ~/.config/fish/completions/ballast.fish", "for every fish"},
			},
			exit1: "it could not be written",
		},
		{
			name: "version", args: "", summary: "print the version", run: printVersion,
			examples: []example{
				{"ballast version", "of this program"},
				{"ballast status", "has that of the one that runs"},
			},
		},
	}
}

func serve(ctx context.Context, args []string, _ io.Writer) error {
	return start(ctx, config.FromProcess(args, "ballast serve"))
}

func demo(ctx context.Context, args []string, _ io.Writer) error {
	s := config.FromProcess(args, "ballast demo")
	s.Fixed = map[string]string{"engine": config.EngineEmbedded}
	return start(ctx, s)
}

func start(ctx context.Context, s config.Sources) error {
	c, err := config.Load(s)
	if err != nil {
		return err
	}
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	defer signal.Stop(reload)
	a, err := app.New(ctx, app.Options{
		Config: c, Version: buildVersion(), Logger: logger(c),
		Load: func() (config.Config, error) { return config.Load(s) }, Reload: reload,
	})
	if err != nil {
		return err
	}
	return a.Run(ctx)
}

func healthcheck(ctx context.Context, args []string, _ io.Writer) error {
	s := config.FromProcess(args, "ballast healthcheck")
	s.WithoutFiles = true
	c, err := config.Load(s)
	if err != nil {
		return err
	}
	base, err := adminURL(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	url := base + "/health"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("health check: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("health check: %s answered %s", url, resp.Status)
	}
	return nil
}

func printVersion(_ context.Context, args []string, out io.Writer) error {
	if slices.ContainsFunc(args, isHelp) {
		return flag.ErrHelp
	}
	_, err := fmt.Fprintln(out, "ballast "+buildVersion())
	return err
}

// buildVersion is what the build set, or the module version or revision that Go recorded.
func buildVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value[:min(12, len(s.Value))]
		}
	}
	return "devel"
}

func logger(c config.Config) zerolog.Logger {
	zerolog.TimeFieldFormat = time.RFC3339Nano
	var w io.Writer = os.Stderr
	console := c.LogFormat == config.FormatConsole
	if c.LogFormat == config.FormatAuto {
		console = isatty.IsTerminal(os.Stderr.Fd())
	}
	if console {
		w = zerolog.ConsoleWriter{Out: os.Stderr, TimeFormat: "15:04:05.000"}
	}
	// The level can change while the program runs.
	zerolog.SetGlobalLevel(c.LogLevel)
	return zerolog.New(w).With().Timestamp().Logger()
}
