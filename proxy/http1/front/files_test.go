package front_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/proxy/fronttest"
	"github.com/ballast-lb/ballast/proxy/http1/front"
)

// backendVariable tells the process with few descriptors that it is that, and where its backend is.
const backendVariable = "BALLAST_TEST_BACKEND"

// A front that can't accept connections for want of descriptors goes on when there are some again, and makes some by giving
// up clients that ask for nothing. It is in a process of its own, for what is opened here would be missing there.
func TestFront_survives_having_no_descriptors(t *testing.T) {
	if addr := os.Getenv(backendVariable); addr != "" {
		serveWithFewFiles(t, addr)
		return
	}
	for name, leave := range map[string]bool{"the others leave": true, "the others stay and ask for nothing": false} {
		t.Run(name, func(t *testing.T) { testNoDescriptors(t, leave) })
	}
}

// testNoDescriptors takes all descriptors of a front with connections that are silent, and then leave or do not.
func testNoDescriptors(t *testing.T, leave bool) {
	origin := fronttest.NewBackend(t, fronttest.Replies("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"))
	ctx, cancel := context.WithTimeout(t.Context(), fronttest.Patience)
	defer cancel()
	child := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestFront_survives_having_no_descriptors$", "-test.v")
	child.Env = append(os.Environ(), backendVariable+"="+origin.Address)
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	addr := waitLine(t, lines, "serving at ")

	const more = files + 16 // Than there are descriptors.
	var open []net.Conn
	for range more {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(fronttest.Patience))
		open = append(open, conn)
	}
	waitLine(t, lines, "too many open files")
	last := open[more-1]
	for _, conn := range open[:more-1] {
		if leave {
			conn.Close()
		}
	}
	// This one waits to be accepted since before there were descriptors again. There may be none for its backend yet.
	fmt.Fprint(last, "GET /lb/ HTTP/1.1\r\nHost: x\r\n\r\n")
	if answer, err := fronttest.ReadAnswer(bufio.NewReader(last)); err != nil || answer.Status != 200 && answer.Status != 503 {
		t.Errorf("answer %v, %v, want one", answer, err)
	}
	client := fronttest.Client(t)
	fronttest.Eventually(t, "an answer of the backend", func() bool {
		answer, err := fronttest.Do(client, fronttest.Request(t, "GET", "http://"+addr+"/lb/", nil))
		return err == nil && answer.Status == 200 && answer.Body == "ok"
	})
	last.Close()
	client.CloseIdleConnections()
	stdin.Close()
	waitLine(t, lines, "--- PASS")
	if err := child.Wait(); err != nil {
		t.Errorf("the front's process ended with %v", err)
	}
}

// files is how many descriptors the front's process may have.
const files = 48

// serveWithFewFiles serves until standard input ends.
func serveWithFewFiles(t *testing.T, backend string) {
	limit := syscall.Rlimit{}
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	limit.Cur = files
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	h := harness(front.Options{Logger: zerolog.New(os.Stdout)})
	s := fronttest.NewSite(t, h, fronttest.Settings(), fronttest.Options{}, backend)
	fmt.Println("serving at", s.Address)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// waitLine reads on to a line that has text, and returns what stands behind it.
func waitLine(t *testing.T, lines *bufio.Scanner, text string) string {
	t.Helper()
	for lines.Scan() {
		if _, rest, ok := strings.Cut(lines.Text(), text); ok {
			return rest
		}
	}
	t.Fatalf("no line with %q came: %v", text, lines.Err())
	return ""
}
