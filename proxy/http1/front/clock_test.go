package front_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/proxy/fronttest"
	"github.com/ballast-lb/ballast/proxy/http1/front"
)

// A front whose limits are all long looks at the clock each half second. A request that comes long after such a look, and has a
// limit that is shorter than that, must not seem to have begun with the look.
func TestFront_limits_are_never_short(t *testing.T) {
	const fronts, limit, takes, unlooked = 3, 200 * time.Millisecond, 50 * time.Millisecond, 375 * time.Millisecond
	const request = "GET /lb/ HTTP/1.1\r\nHost: x\r\n\r\n"
	backend := fronttest.Serve(t, func(http.ResponseWriter, *http.Request) { <-time.After(takes) })
	// On one processor the front's clock moves on when the request waits already. Nothing else runs meanwhile.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var sites []*fronttest.Site
	var conns []net.Conn
	for range fronts {
		s := newOwn(t, fronttest.Settings(), front.Options{Logger: zerolog.Nop()}, backend)
		conn := s.Dial(request) // So that the next one finds all that it needs, and waits at once.
		if answer, err := fronttest.ReadAnswer(bufio.NewReader(conn)); err != nil || answer.Status != 200 {
			t.Fatalf("answer %v, %v", answer, err)
		}
		s.Settings.Timeout = limit
		s.Apply()
		sites, conns = append(sites, s), append(conns, conn)
	}
	<-time.After(unlooked) // That this has passed since the last look is what is tested.
	for i, conn := range conns {
		fmt.Fprint(conn, request)
		if answer, err := fronttest.ReadAnswer(bufio.NewReader(conn)); err != nil || answer.Status != 200 {
			t.Errorf("%d, %v before %s have passed, want 200", answer.Status, err, limit)
		}
		sites[i].WantCounts(2, 0, 0)
	}
}
