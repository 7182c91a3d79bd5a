package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/ballast-lb/ballast/internal/mockbackend"
)

// originCommand is the first argument that turns this program into the backend.
const originCommand = "origin"

// originThreads are far more than it has cores, so that the kernel shares them out. Go's scheduler looks for new requests only
// each 10 ms while there is something that can run: good clients would feel the backend's long answers, and not Ballast's.
const originThreads = 32

// originMain is the backend: a mock backend that also knows
//
//	POST /up                  reads a content and answers with a receipt
//	GET  /down?n=&chunked=    n bytes of content, of known length or, with chunked=true, in chunks
//	GET  /down?n=&first=      the first of n bytes, and then nothing until the client leaves
//	GET  /held?tag=           how long it was kept busy by requests to those two that had this tag in their query
func originMain(ctx context.Context, address string) error {
	runtime.GOMAXPROCS(originThreads)
	l, err := listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: newOrigin(), ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// origin is the backend's handler.
type origin struct {
	*http.ServeMux

	mu   sync.Mutex
	held map[string]*held // guarded by mu, by tag
}

// held are the requests of one tag.
type held struct {
	Open  int
	Ended []time.Duration
}

func newOrigin() *origin {
	o := &origin{ServeMux: http.NewServeMux(), held: make(map[string]*held)}
	o.Handle("/", mockbackend.New(mockbackend.Options{Name: "origin"}))
	o.HandleFunc("POST /up", o.up)
	o.HandleFunc("GET /down", o.down)
	o.HandleFunc("GET /held", func(w http.ResponseWriter, r *http.Request) {
		o.mu.Lock()
		defer o.mu.Unlock()
		_ = json.NewEncoder(w).Encode(o.of(r.FormValue("tag")))
	})
	return o
}

// of returns what is held by a tag. o.mu is held.
func (o *origin) of(tag string) *held {
	if o.held[tag] == nil {
		o.held[tag] = &held{}
	}
	return o.held[tag]
}

// hold counts a request, until the function that it returns is called.
func (o *origin) hold(r *http.Request) func() {
	tag, began := r.URL.Query().Get("tag"), time.Now()
	if tag == "" {
		return func() {}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.of(tag).Open++
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		h := o.of(tag)
		h.Open--
		h.Ended = append(h.Ended, time.Since(began))
	}
}

// receipt is what came of a body.
type receipt struct {
	Bytes int64
	Error string
}

func (o *origin) up(w http.ResponseWriter, r *http.Request) {
	defer o.hold(r)()
	var got receipt
	var err error
	if got.Bytes, err = check(r.Body); err != nil {
		got.Error = err.Error()
	}
	_ = json.NewEncoder(w).Encode(got) // Who has left needs no receipt.
}

func (o *origin) down(w http.ResponseWriter, r *http.Request) {
	defer o.hold(r)()
	n, err := strconv.ParseInt(r.URL.Query().Get("n"), 10, 64)
	if err != nil || n < 0 {
		http.Error(w, "n must be a whole number", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	size := blockSize
	if r.URL.Query().Get("chunked") == "true" {
		size = 32 << 10 // That of each chunk.
	} else {
		w.Header().Set("Content-Length", strconv.FormatInt(n, 10))
	}
	if first, err := strconv.ParseInt(r.URL.Query().Get("first"), 10, 64); err == nil {
		_, _ = io.Copy(w, &content{left: first})
		_ = http.NewResponseController(w).Flush() // It ends here, or right behind.
		<-r.Context().Done()
		return
	}
	// The reader's own buffer and not io.Copy's, which would make other chunks.
	_, _ = io.CopyBuffer(struct{ io.Writer }{w}, &content{left: n}, make([]byte, size))
}
