package front_test

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/ballast-lb/ballast/proxy/fronttest"
	"github.com/ballast-lb/ballast/proxy/http1/front"
)

// What a backend says unasked, behind an answer, is nobody's: least of all the answer to the next request, however
// soon that comes.
func TestFront_gives_no_stray_answer_to_the_next_request(t *testing.T) {
	answered, said := make(chan struct{}), make(chan struct{})
	backend := fronttest.NewBackend(t, func(conn net.Conn, r *bufio.Reader, head string) {
		path := strings.Fields(head)[1]
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(path), path)
		if path == "/first" {
			<-answered
			fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray")
			close(said)
		}
		_, _ = r.ReadByte() // Whatever comes, it is not answered.
	})
	s := newSite(t, fronttest.Settings(), front.Options{}, backend.Address)
	conn := s.Dial("GET /lb/first HTTP/1.1\r\nHost: x\r\n\r\n")
	defer conn.Close()
	r := bufio.NewReader(conn)
	for _, path := range []string{"/first", "/second"} {
		answer, err := fronttest.ReadAnswer(r)
		if err != nil || answer.Body != path {
			t.Fatalf("%q, %v came, want %q", answer.Body, err, path)
		}
		if path == "/first" {
			close(answered)
			<-said
			fmt.Fprint(conn, "GET /lb/second HTTP/1.1\r\nHost: x\r\n\r\n")
		}
	}
}
