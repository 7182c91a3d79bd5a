package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/ballast-lb/ballast/internal/child"
)

// settingsAt are settings with a directory for files, which the caller removes.
type settingsAt struct {
	settings

	work string
}

// stage is a Ballast with a backend behind it.
type stage struct {
	settingsAt

	ballast, origin *child.Process
	engine          *http.Server
	// address is Ballast's, base what leads through it to the backend.
	address, base string
	originAddress string
}

// newStage starts one. It must be closed.
func newStage(ctx context.Context, s settingsAt) (*stage, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	ballast := filepath.Join(s.binaries, "ballast")
	if _, err := os.Stat(ballast); err != nil {
		return nil, fmt.Errorf("find ballast (make build makes it): %w", err)
	}
	listen, err := child.FreeAddress()
	if err != nil {
		return nil, err
	}
	origin, err := child.FreeAddress()
	if err != nil {
		return nil, err
	}
	st := &stage{settingsAt: s, address: listen, base: "http://" + listen + "/lb", originAddress: origin}
	st.origin = child.New(child.OtherCores(), self, originCommand, origin)
	if err := st.origin.Start(ctx, "http://"+origin+"/health"); err != nil {
		return nil, fmt.Errorf("start the backend: %w", err)
	}
	socket := filepath.Join(s.work, "docker.sock")
	if st.engine, err = startEngine(ctx, socket, origin); err != nil {
		st.origin.Stop()
		return nil, err
	}
	st.ballast = child.New(child.FirstCore, ballast, "serve", "--admin.listen", listen, "--traffic.listen", "off",
		"--docker.host", "unix://"+socket, "--shutdown.timeout", "5s", "--log.level", "warn")
	if err := st.ballast.Start(ctx, "http://"+listen+"/health/ready", st.base+"/health"); err != nil {
		st.origin.Stop()
		return nil, errors.Join(fmt.Errorf("start Ballast: %w", err), st.engine.Close())
	}
	return st, nil
}

func (st *stage) close() {
	st.ballast.Stop()
	st.origin.Stop()
	_ = st.engine.Close() // Its one client has gone.
}

// usage is what Ballast holds at a moment.
type usage struct {
	files, goroutines int
	rss               int64
}

func (st *stage) usage(ctx context.Context) (u usage, err error) {
	if u.files, err = child.Files(st.ballast.PID()); err != nil {
		return u, err
	}
	if u.rss, err = child.SettledRSS(ctx, st.ballast.PID()); err != nil {
		return u, err
	}
	body, err := fetch(ctx, "http://"+st.address+"/prometheus")
	if err != nil {
		return u, err
	}
	u.goroutines, err = parseGoroutines(string(body))
	return u, err
}

// fetch returns the body of a 200. Nothing of it stays open.
func fetch(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", url, response.Status)
	}
	return io.ReadAll(response.Body)
}

// parseGoroutines finds their number in metrics as Prometheus reads them.
func parseGoroutines(text string) (int, error) {
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), "go_goroutines "); ok {
			return strconv.Atoi(value)
		}
	}
	return 0, errors.New("the metrics tell no go_goroutines")
}

// orphans are connections that no process holds any more and that the kernel can't end, for their peers don't take what
// is still to be sent; see the first numbers of proc_net(5), sockstat.
func orphans() (int, error) {
	text, err := os.ReadFile("/proc/net/sockstat")
	if err != nil {
		return 0, fmt.Errorf("read what the kernel holds: %w", err)
	}
	return parseOrphans(string(text))
}

func parseOrphans(text string) (int, error) {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		for i := 1; i < len(fields) && fields[0] == "TCP:"; i++ {
			if fields[i-1] == "orphan" {
				return strconv.Atoi(fields[i])
			}
		}
	}
	return 0, errors.New("sockstat tells no orphans")
}

func listen(ctx context.Context, network, address string) (net.Listener, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, network, address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	return l, nil
}
