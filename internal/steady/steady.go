// Package steady asks for something at a steady rate, whatever comes of it, and remembers every request that failed: for tests
// and drills that prove that nobody notices what happens meanwhile.
//
// It is an open loop: a request is sent when it is due, not when another has been answered. Half of the requests are POST with
// a body, which nobody may repeat; half of each kind use a connection of their own. A GET on a kept connection that was closed
// meanwhile is sent again by Go's client, as by browsers.
package steady

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Options say what to ask for.
type Options struct {
	// URL is what is asked for, Host the Host field, if it is not that of URL.
	URL, Host string
	// PerSecond is how many requests are sent; 0 is 100.
	PerSecond int
	// Timeout is how long one may take in all; 0 is 30 s.
	Timeout time.Duration
	// Body is how long that of a POST is, in bytes.
	Body int
	// HTTP2 says to speak that, from the first byte on and without TLS, instead of HTTP/1.1.
	HTTP2 bool
	// Idempotent leaves POST away, of which nobody may make good what a backend cuts off.
	Idempotent bool
	// Holds is what each answer must hold, to show that it is from whom it should be.
	Holds string
}

// Failure is a request that was not answered 2xx, or not whole.
type Failure struct {
	Number int64
	Method string
	// Fresh says that it had a connection of its own.
	Fresh bool
	At    time.Time
	Took  time.Duration
	// Status is 0 if there was no answer. Why is the error, or what Ballast says of its own (X-Ballast-Error).
	Status int
	Why    string
}

func (f Failure) String() string {
	kind := f.Method
	if f.Fresh {
		kind += " on a new connection"
	}
	return fmt.Sprintf("#%d %s at %s: status %d after %s: %s", f.Number, kind, f.At.Format("15:04:05.000"), f.Status, f.Took.Round(time.Millisecond), f.Why)
}

// Report is what became of the requests.
type Report struct {
	Sent     int64
	Failures []Failure
	// Slowest is the longest time that an answer took.
	Slowest time.Duration
}

// Load is requests that are being sent. It is safe for concurrent use.
type Load struct {
	o          Options
	kept       *http.Client
	body       []byte
	stop       context.CancelFunc
	sending    sync.WaitGroup
	sent, done atomic.Int64

	mu       sync.Mutex
	failures []Failure     // guarded by mu
	slowest  time.Duration // guarded by mu
}

// Start begins to send. Stop must follow.
func Start(o Options) *Load {
	if o.PerSecond == 0 {
		o.PerSecond = 100
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	ctx, stop := context.WithCancel(context.Background())
	l := &Load{o: o, stop: stop, body: bytes.Repeat([]byte("x"), o.Body)}
	l.kept = l.client()
	l.sending.Go(func() { l.run(ctx) })
	return l
}

func (l *Load) client() *http.Client {
	speaks := new(http.Protocols)
	speaks.SetHTTP1(!l.o.HTTP2)
	speaks.SetUnencryptedHTTP2(l.o.HTTP2)
	return &http.Client{Transport: &http.Transport{
		DialContext: (&net.Dialer{KeepAlive: -1}).DialContext, Protocols: speaks, MaxIdleConnsPerHost: l.o.PerSecond, DisableCompression: true,
	}}
}

func (l *Load) run(ctx context.Context) {
	every := time.Second / time.Duration(l.o.PerSecond)
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	began := time.Now()
	next := int64(0)
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			for due := int64(now.Sub(began) / every); next < due; next++ { // A ticker that is late drops ticks.
				n := next
				l.sent.Add(1)
				l.sending.Go(func() { l.ask(n) })
			}
		}
	}
}

func (l *Load) ask(n int64) {
	defer l.done.Add(1)
	f := Failure{Number: n, Method: http.MethodGet, Fresh: n%4 >= 2, At: time.Now()}
	if n%2 == 1 && !l.o.Idempotent {
		f.Method = http.MethodPost
	}
	client := l.kept
	if f.Fresh {
		// Of its own altogether: with DisableKeepAlives Go's client loses requests over HTTP/2 that come at once.
		client = l.client()
		defer client.CloseIdleConnections()
	}
	err := l.exchange(client, &f)
	f.Took = time.Since(f.At)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.slowest = max(l.slowest, f.Took)
	if err != nil {
		f.Why = strings.TrimSpace(f.Why + " " + err.Error())
		l.failures = append(l.failures, f)
	}
}

func (l *Load) exchange(client *http.Client, f *Failure) error {
	ctx, cancel := context.WithTimeout(context.Background(), l.o.Timeout)
	defer cancel()
	var body io.Reader
	if f.Method == http.MethodPost {
		body = bytes.NewReader(l.body)
	}
	request, err := http.NewRequestWithContext(ctx, f.Method, l.o.URL, body)
	if err != nil {
		return err
	}
	request.Host, request.Close = l.o.Host, f.Fresh && !l.o.HTTP2
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	f.Status, f.Why = response.StatusCode, response.Header.Get("X-Ballast-Error")
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if f.Status/100 != 2 {
		return fmt.Errorf("answered %s", response.Status)
	}
	if !bytes.Contains(answer, []byte(l.o.Holds)) {
		return fmt.Errorf("somebody else answered: %.200q, without %s", answer, l.o.Holds)
	}
	return nil
}

// More waits until n more requests have been answered, or failed. It is an error if ctx ends before.
func (l *Load) More(ctx context.Context, n int64) error {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for goal := l.done.Load() + n; l.done.Load() < goal; {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d requests of %d more were answered: %w", l.done.Load()-goal+n, n, ctx.Err())
		case <-ticker.C:
		}
	}
	return nil
}

// Report is what there is to tell by now.
func (l *Load) Report() Report {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Report{Sent: l.sent.Load(), Failures: slices.Clone(l.failures), Slowest: l.slowest}
}

// Stop sends no more, waits for what is under way, and reports.
func (l *Load) Stop() Report {
	l.stop()
	l.sending.Wait()
	l.kept.CloseIdleConnections()
	return l.Report()
}
