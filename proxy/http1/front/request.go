package front

import (
	"bytes"
	"strconv"
	"time"
	"unsafe"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy/balance"
	"github.com/ballast-lb/ballast/proxy/http1"
)

// prepare prints the request as it is sent, with what has come of its body. It is false for a request that
// can't be forwarded.
func (c *client) prepare(strip int) bool {
	w := c.work
	c.identify()
	path := w.req.Path()
	if strip > len(path) || strip < len(path) && path[strip] != '/' {
		return false
	}
	w.target = w.target[:0]
	// A host alone is printed as what it stands for.
	whole := len(path) == 0 && len(w.req.Query()) == 0 && w.req.Method == http1.MethodOptions
	if !whole && (w.req.Form == http1.FormOrigin || w.req.Form == http1.FormAbsolute) {
		if strip == len(path) {
			w.target = append(w.target, '/')
		}
		w.target = append(append(w.target, path[strip:]...), w.req.Query()...)
	}
	routed := w.target
	if i := bytes.IndexByte(routed, '?'); i >= 0 {
		routed = routed[:i]
	}
	w.pick = balance.Request{
		Method: view(w.req.MethodText()), Host: view(w.req.Host()), Path: view(routed), Client: w.client, Key: w.key(),
	}
	if w.settings.Sticky.Enabled {
		w.pick.Affinity = view(cookie(&w.req.Fields, w.settings.Sticky.Cookie))
	}
	host := w.req.Host()
	if len(host) == 0 { // HTTP/1.0; who needs to know whom it is for has no use for it.
		host = []byte(c.conn.LocalAddr().String())
	}
	w.out = w.req.AppendHead(w.out[:0], http1.RequestOut{Target: w.target, Host: host, Body: w.req.Body, Expect: true})
	w.out = c.appendForwarded(w.out, path[:strip])
	w.out = http1.AppendEnd(w.out)
	return w.appendBody()
}

// key is what the pool's policy hashes, if that is a header or a cookie.
func (w *work) key() string {
	switch h := &w.settings.Hash; h.Source {
	case containers.HashHeader:
		return w.first(h.Name)
	case containers.HashCookie:
		return view(cookie(&w.req.Fields, h.Name))
	}
	return ""
}

// appendBody appends what has come of the body, framed anew. It is false if that is malformed.
func (w *work) appendBody() bool {
	switch w.req.Body.Kind {
	case http1.BodyLength:
		n := min(int64(w.in.w-w.in.r), w.req.Body.Length)
		w.out = append(w.out, w.in.b[w.in.r:w.in.r+int(n)]...)
		w.in.r += int(n)
		w.rest = w.req.Body.Length - n
		w.more = w.rest > 0
	case http1.BodyChunked:
		w.chunks.Reset()
		out, n, err := appendChunks(w.out, &w.chunks, w.in.bytes(), false)
		if err != nil {
			return false
		}
		w.out = out
		w.in.r += n
		w.more = !w.chunks.Done()
	}
	return true
}

// appendChunks frames anew what is whole of a chunked body, to its end if that has come; bare leaves the framing
// away. It returns how much of in is done with.
func appendChunks(out []byte, d *http1.Decoder, in []byte, bare bool) ([]byte, int, error) {
	used := 0
	for !d.Done() {
		data, n, err := d.Next(in[used:])
		if err != nil {
			return out, used, err
		}
		used += n
		if bare {
			out = append(out, data...)
		} else {
			out = http1.AppendChunk(out, data)
		}
		if n == 0 || used == len(in) {
			break
		}
	}
	if d.Done() && !bare {
		out = http1.AppendLastChunk(out, d)
	}
	return out, used, nil
}

// cookie returns the value of the first cookie called name, or nothing. It is any client's input: what it is
// good for is decided by whether a backend knows it.
func cookie(f *http1.Fields, name string) []byte {
	for i := f.Find("cookie", 0); i >= 0; i = f.Find("cookie", i+1) {
		for rest, more := f.Value(i), true; more; {
			var part []byte
			part, rest, more = bytes.Cut(rest, []byte{';'})
			key, value, ok := bytes.Cut(bytes.TrimSpace(part), []byte{'='})
			if ok && string(key) == name {
				return bytes.Trim(value, `"`)
			}
		}
	}
	return nil
}

// appendCookie appends the field that brings the client back to the backend.
func appendCookie(out []byte, s containers.Sticky, value string, secure bool) []byte {
	line := s.Cookie + "=" + value + "; Path=/; Max-Age=" + strconv.Itoa(int(s.TTL/time.Second)) + "; HttpOnly; SameSite=Lax"
	if secure {
		line += "; Secure"
	}
	return http1.AppendField(out, "Set-Cookie", line)
}

// view is b as a string, for as long as its bytes stay: those of a request's head do until its answer ends.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
