package front_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/proxy/fronttest"
	"github.com/ballast-lb/ballast/proxy/http1/front"
)

// quick are options of a front that looks at its connections often.
var quick = front.Options{Logger: zerolog.Nop(), HeadTimeout: 200 * time.Millisecond}

// Case 30, where a long answer of known length is waited for: nothing is sent that would tell that its client has left.
func TestFront_notices_who_leaves_a_long_answer_that_pauses(t *testing.T) {
	const begun, announced = 1000, 1 << 20
	tests := []struct {
		name string
		// Requests before it: of the client itself, and of another one, which leaves a connection to the backend.
		before, others int
	}{
		{"first request", 0, 0},
		{"later request", 1, 0},
		{"first request over a kept connection to the backend", 0, 1},
	}
	for _, tt := range tests {
		for way, leave := range map[string]func(net.Conn){"closing": func(c net.Conn) { c.Close() }, "with a reset": reset} {
			t.Run(tt.name+" "+way, func(t *testing.T) {
				ended := make(chan struct{})
				s := newOwn(t, fronttest.Settings(), quick, fronttest.Serve(t, func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path != "/long" {
						return
					}
					defer close(ended)
					w.Header().Set("Content-Length", strconv.Itoa(announced))
					_, _ = w.Write(make([]byte, begun))
					_ = http.NewResponseController(w).Flush()
					<-r.Context().Done()
				}))
				for range tt.others {
					s.Say("GET /lb/ HTTP/1.1\r\nHost: x\r\n\r\n")
				}
				conn := s.Dial("")
				r := bufio.NewReader(conn)
				for range tt.before {
					fmt.Fprint(conn, "GET /lb/ HTTP/1.1\r\nHost: x\r\n\r\n")
					if answer, err := fronttest.ReadAnswer(r); err != nil || answer.Status != 200 {
						t.Fatalf("answer %v, %v", answer, err)
					}
				}
				fmt.Fprint(conn, "GET /lb/long HTTP/1.1\r\nHost: x\r\n\r\n")
				response, err := http.ReadResponse(r, nil)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := io.ReadFull(response.Body, make([]byte, begun)); err != nil {
					t.Fatal(err)
				}
				leave(conn)
				wait(t, ended, "the backend to be told")
				s.WantCounts(uint64(tt.before+tt.others+1), 0, 0)
			})
		}
	}
}

// reset closes a connection so that the other side is told at once.
func reset(conn net.Conn) {
	_ = conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
}

// Who ends its half of the connection has left, unless it said before that this request is its last.
func TestFront_half_close(t *testing.T) {
	for name, last := range map[string]string{
		"Connection: close": "GET /lb/last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		"HTTP/1.0":          "GET /lb/last HTTP/1.0\r\nHost: x\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			arrived, left, answer := make(chan string, 2), make(chan struct{}), make(chan struct{})
			s := newOwn(t, fronttest.Settings(), quick, fronttest.Serve(t, func(w http.ResponseWriter, r *http.Request) {
				arrived <- r.URL.Path
				if r.URL.Path == "/last" {
					select {
					case <-answer:
						fmt.Fprint(w, "whole")
					case <-r.Context().Done():
					}
					return
				}
				<-r.Context().Done()
				close(left)
			}))
			patient := s.Dial(last)
			<-arrived
			halfClose(t, patient)
			// This one ends later: when that is noticed, the other's end was.
			impatient := s.Dial("GET /lb/next HTTP/1.1\r\nHost: x\r\n\r\n")
			<-arrived
			halfClose(t, impatient)
			wait(t, left, "the request of who has left to be given up")
			if all, err := io.ReadAll(impatient); err != nil || len(all) != 0 {
				t.Errorf("who has left was answered %q, %v", all, err)
			}
			close(answer)
			got, err := fronttest.ReadAnswer(bufio.NewReader(patient))
			if err != nil || got.Status != 200 || got.Body != "whole" {
				t.Errorf("who awaits its last answer got %v, %v, want 200 whole", got, err)
			}
			s.WantCounts(2, 0, 0)
			statuses := map[int]uint64{}
			for _, n := range s.Report().Backends[0].Statuses {
				statuses[n.Status] = n.Count
			}
			if statuses[200] != 1 || statuses[499] != 1 {
				t.Errorf("statuses %v, want a 200 and a 499", statuses)
			}
		})
	}
}

func halfClose(t *testing.T, conn net.Conn) {
	t.Helper()
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
}
