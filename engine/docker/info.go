package docker

import (
	"context"
	"net"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/system"

	"github.com/ballast-lb/ballast/engine"
)

const loopback = "127.0.0.1"

// Info tells what the engine is. It also notices an engine that was replaced by one that no
// longer speaks the API version agreed on, and agrees on another.
func (e *Engine) Info(ctx context.Context) (engine.Info, error) {
	info, err := e.info(ctx)
	if cerrdefs.IsInvalidArgument(err) {
		// There are no arguments but the version in the path.
		if err := e.connect(); err != nil {
			return engine.Info{}, err
		}
		info, err = e.info(ctx)
	}
	if err != nil {
		return engine.Info{}, err
	}
	host, reachable := reach(runtime.GOOS, e.conn.Load().DaemonHost(), info)
	return engine.Info{
		Kind:                "docker",
		Version:             info.ServerVersion,
		Time:                systemTime(info.SystemTime),
		ContainersReachable: reachable,
		PublishedHost:       host,
	}, nil
}

func (e *Engine) info(ctx context.Context) (system.Info, error) {
	return call(ctx, e.limits.call, "ask the docker engine for its information", e.conn.Load().Info)
}

// systemTime parses the engine's clock; an engine that does not tell it is taken to have ours.
func systemTime(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Now()
	}
	return t
}

// reach tells where published ports are dialled and whether containers' own addresses can be:
// only from Linux itself, by an engine that shares this host's network stack.
func reach(goos, daemonHost string, info system.Info) (publishedHost string, containers bool) {
	if host, remote := remoteHost(daemonHost); remote {
		return host, false
	}
	rootless := slices.ContainsFunc(info.SecurityOptions, func(option string) bool {
		return slices.Contains(strings.Split(option, ","), "name=rootless")
	})
	return loopback, goos == "linux" && info.OperatingSystem != "Docker Desktop" && !rootless
}

// remoteHost returns the host of a tcp address that is not the loopback.
func remoteHost(daemonHost string) (string, bool) {
	u, err := url.Parse(daemonHost)
	if err != nil || u.Scheme == "unix" || u.Scheme == "npipe" {
		return "", false
	}
	host := u.Hostname()
	if host == "" || host == "localhost" {
		return "", false
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() {
		return "", false
	}
	return host, true
}
