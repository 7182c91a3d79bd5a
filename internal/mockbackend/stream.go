package mockbackend

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/coder/websocket"
)

// period of the bytes of /bytes: a prime, so that a block that is lost, doubled or out of place shows.
const period = 251

// ByteAt returns byte i, from 0, of every answer of /bytes.
func ByteAt(i int64) byte { return byte(i % period) }

func (b *backend) bytes(w http.ResponseWriter, r *http.Request) {
	left, err := number(r, "n", 1024, 0, 1<<40)
	if err != nil {
		badRequest(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.FormatInt(left, 10))
	if r.Method == http.MethodHead {
		return
	}
	// A whole number of periods, so that every block starts as the first one does.
	block := make([]byte, min(left, 128*period))
	for i := range block {
		block[i] = ByteAt(int64(i))
	}
	for left > 0 {
		n, err := w.Write(block[:min(left, int64(len(block)))])
		if err != nil {
			return
		}
		left -= int64(n)
	}
}

func (b *backend) sse(w http.ResponseWriter, r *http.Request) {
	n, err := number(r, "n", 10, 0, 1<<40)
	if err != nil {
		badRequest(w, err)
		return
	}
	every, err := milliseconds(r, time.Second)
	if err != nil {
		badRequest(w, err)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	flusher := http.NewResponseController(w)
	for i := int64(1); n == 0 || i <= n; i++ {
		if i > 1 && sleep(r.Context(), every) != nil {
			return
		}
		if _, err := fmt.Fprintf(w, "id: %d\ndata: {\"container\":%q,\"n\":%d}\n\n", i, b.options.Name, i); err != nil {
			return
		}
		if err := flusher.Flush(); err != nil {
			return
		}
	}
}

// webSocket echoes messages until either side closes or the request's context ends. Whoever runs
// the handler ends open ones through the server's base context: Shutdown does not know them.
func (b *backend) webSocket(w http.ResponseWriter, r *http.Request) {
	// Any origin may connect: behind a balancer the host that a browser asked for is not ours.
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return // Accept has answered
	}
	defer func() { _ = conn.CloseNow() }()
	for {
		kind, message, err := conn.Read(r.Context())
		if err != nil {
			return
		}
		if err := conn.Write(r.Context(), kind, message); err != nil {
			return
		}
	}
}
