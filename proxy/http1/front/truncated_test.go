package front_test

import (
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/ballast-lb/ballast/proxy/fronttest"
	"github.com/ballast-lb/ballast/proxy/http1/front"
)

// Case 28 in HTTP/1.0, where an answer ends with its connection: only a reset tells that it broke off.
func TestFront_resets_what_breaks_off_without_framing(t *testing.T) {
	const chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
	backend := fronttest.NewBackend(t, fronttest.Replies(chunks))
	s := newSite(t, fronttest.Settings(), front.Options{}, backend.Address)
	conn := s.Dial("GET /lb/ HTTP/1.0\r\nHost: x\r\n\r\n")
	all, err := io.ReadAll(conn)
	if !errors.Is(err, syscall.ECONNRESET) || strings.Contains(string(all), "Content-Length") {
		t.Errorf("%v after:\n%s\nwant a reset", err, all)
	}
	s.WantCounts(1, 1, 1)
}
