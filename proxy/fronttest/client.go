package fronttest

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// Patience is how long a test waits for what must happen; only failures take that long.
const Patience = 20 * time.Second

// Answer is an answer of which as much has been read as there was.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// ReadAnswer reads an answer to a GET. The error is that of its head, and then there is no status, or of
// its body.
func ReadAnswer(r *bufio.Reader) (Answer, error) {
	return read(http.ReadResponse(r, nil))
}

func read(response *http.Response, err error) (Answer, error) {
	if err != nil {
		return Answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return Answer{response.StatusCode, response.Header, string(body)}, err
}

// Client returns a client that follows no redirect and leaves nothing behind.
func Client(t testing.TB) *http.Client {
	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{
		Transport:     transport,
		Timeout:       Patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Request is a request that ends with the test.
func Request(t testing.TB, method, url string, body io.Reader) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Do sends a request and reads the answer, as ReadAnswer does.
func Do(c *http.Client, r *http.Request) (Answer, error) { return read(c.Do(r)) }

// Eventually waits until something is done.
func Eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for limit := time.After(Patience); !done(); {
		select {
		case <-ticker.C:
		case <-limit:
			t.Fatalf("waited %s in vain for %s", Patience, what)
		}
	}
}

// wait waits until a channel is closed.
func wait(t testing.TB, done <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(Patience):
		t.Fatalf("waited %s in vain for %s", Patience, what)
	}
}

// receive waits for what is told on a channel.
func receive[T any](t testing.TB, told <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-told:
		return v
	case <-time.After(Patience):
		t.Fatalf("waited %s in vain for %s", Patience, what)
	}
	panic("not reached")
}

// dial opens a connection that can be used for as long as tests wait.
func dial(t testing.TB, address string) net.Conn {
	t.Helper()
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(Patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// Listen returns a loopback listener. Who gets it closes it.
func Listen(t testing.TB) net.Listener {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// reset closes a connection so that the other side is told at once, and no port stays taken.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	conn.Close()
}
