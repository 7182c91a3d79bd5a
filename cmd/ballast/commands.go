package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/internal/app"
	"github.com/ballast-lb/ballast/internal/config"
)

// version is set by the build: -ldflags "-X main.version=…".
var version = ""

func serve(ctx context.Context, args []string, out io.Writer) error {
	return start(ctx, config.FromProcess(args, out, "ballast serve [flags]: run the balancer"))
}

func demo(ctx context.Context, args []string, out io.Writer) error {
	s := config.FromProcess(args, out, "ballast demo [flags]: run the balancer with three mock backends in this process")
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

func check(_ context.Context, args []string, out io.Writer) error {
	c, err := config.Load(config.FromProcess(args, out, "ballast check [flags]: check the configuration"))
	if err != nil {
		return err
	}
	for _, w := range c.Warnings {
		fmt.Fprintln(out, "warning: "+w)
	}
	_, err = fmt.Fprintln(out, "the configuration is valid")
	return err
}

func healthcheck(ctx context.Context, args []string, out io.Writer) error {
	s := config.FromProcess(args, out, "ballast healthcheck [flags]: exit 0 if the balancer is healthy")
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

func printVersion(_ context.Context, _ []string, out io.Writer) error {
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
