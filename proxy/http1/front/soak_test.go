package front_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/proxy/fronttest"
	"github.com/ballast-lb/ballast/proxy/http1/front"
)

// Whatever sizes, framings, early answers and broken answers there are: each answer that comes whole is
// the one to its request.
func TestFront_every_whole_answer_is_the_right_one(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	handler := func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		size, _ := strconv.Atoi(r.URL.Query().Get("size"))
		if r.URL.Query().Has("length") {
			w.Header().Set("Content-Length", strconv.Itoa(size))
		}
		if !r.URL.Query().Has("early") {
			_, _ = io.Copy(io.Discard, r.Body)
		}
		w.Header().Set("X-ID", r.URL.Query().Get("id"))
		_, _ = w.Write(pattern(r.URL.Query().Get("id"), size/2))
		if r.URL.Query().Has("break") {
			panic(http.ErrAbortHandler)
		}
		_, _ = w.Write(pattern(r.URL.Query().Get("id"), size)[size/2:])
		_ = http.NewResponseController(w).Flush()
		_, _ = io.Copy(io.Discard, r.Body) // A full-duplex net/http that has not read all breaks its connection.
	}
	s := newSite(t, fronttest.Settings(), front.Options{}, fronttest.Serve(t, handler), fronttest.Serve(t, handler))
	c := fronttest.Client(t)
	c.Transport.(*http.Transport).MaxIdleConnsPerHost = 8
	var wg sync.WaitGroup
	for n := range 8 {
		rnd := rand.New(rand.NewPCG(seed, uint64(n)))
		wg.Go(func() {
			for i := range 60 {
				soakOne(t, c, s, rnd, fmt.Sprintf("%d-%d", n, i))
			}
		})
	}
	wg.Wait()
	c.CloseIdleConnections()
	s.Settled()
}

func soakOne(t *testing.T, c *http.Client, s *fronttest.Site, rnd *rand.Rand, id string) {
	size := rnd.IntN(1 << rnd.IntN(20))
	target := s.URL("/?id=" + id + "&size=" + strconv.Itoa(size))
	breaks := false
	for _, flag := range []string{"length", "early", "break"} {
		if rnd.IntN(4) == 0 {
			target += "&" + flag
			breaks = breaks || flag == "break"
		}
	}
	var body io.Reader
	method := "GET"
	if rnd.IntN(2) == 0 {
		method = "POST"
		if body = bytes.NewReader(make([]byte, rnd.IntN(1<<rnd.IntN(20)))); rnd.IntN(2) == 0 {
			body = io.MultiReader(body)
		}
	}
	answer, err := fronttest.Do(c, fronttest.Request(t, method, target, body))
	switch {
	case breaks && err != nil, breaks && answer.Status == 502:
	case err != nil:
		t.Errorf("%s %s: %v", method, target, err)
	case breaks, answer.Status != 200, answer.Header.Get("X-ID") != id, answer.Body != string(pattern(id, size)):
		t.Errorf("%s %s: %d (%s), id %q, %d bytes", method, target,
			answer.Status, answer.Header.Get("X-Ballast-Error"), answer.Header.Get("X-ID"), len(answer.Body))
	}
}

// pattern is size bytes that tell whose they are.
func pattern(id string, size int) []byte {
	return bytes.Repeat([]byte(id+" "), size/(len(id)+1)+1)[:size]
}
