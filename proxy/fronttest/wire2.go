package fronttest

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// wire2 is a client's HTTP/2 connection, spoken a frame at a time. What comes for a stream is gathered in its reply.
// One goroutine uses it.
type wire2 struct {
	t        testing.TB
	raw      net.Conn // Under conn, which speaks TLS.
	conn     net.Conn
	framer   *http2.Framer
	block    bytes.Buffer
	encoder  *hpack.Encoder
	settings map[http2.SettingID]uint32 // The server's.
	replies  map[uint32]*reply2
	last     uint32              // The last stream opened.
	away     *http2.GoAwayFrame  // What the server said when it had enough; nil before.
	grant    func(stream uint32) // Gives windows back as DATA comes; nil if that is the test's affair.
	granted  int
}

// reply2 is what came for a stream.
type reply2 struct {
	interim []http.Header // With their :status.
	status  int
	header  http.Header
	body    strings.Builder
	trailer http.Header
	whole   bool // It ended as the server meant it to.
	reset   bool // It was broken off, with code.
	code    http2.ErrCode
	lost    error // The connection ended before it did.
}

func (r *reply2) ended() bool { return r.whole || r.reset || r.lost != nil }

// refused says that the request was taken for none: as malformed (RFC 9113 8.1.1), or with a 400.
func (r *reply2) refused() bool {
	return r.status == http.StatusBadRequest || r.reset && r.code == http2.ErrCodeProtocol || r.lost != nil
}

func (r *reply2) String() string {
	end := "open"
	switch {
	case r.reset:
		end = "reset with " + r.code.String()
	case r.whole:
		end = "whole"
	case r.lost != nil:
		end = "lost: " + r.lost.Error()
	}
	return fmt.Sprintf("%d %v %.100q %v, %s", r.status, r.header, r.body.String(), r.trailer, end)
}

// newWire2 opens a connection to a site that speaks TLS, with the client's settings. What comes is acknowledged, and
// windows are given back.
func newWire2(s *Site, settings ...http2.Setting) *wire2 {
	s.t.Helper()
	w := dialWire2(s)
	if err := w.framer.WriteSettings(settings...); err != nil {
		s.t.Fatal(err)
	}
	for w.settings == nil {
		if err := w.next(); err != nil {
			s.t.Fatalf("no settings came: %v", err)
		}
	}
	return w
}

// dialWire2 opens a connection and says no more than what any client begins with.
func dialWire2(s *Site) *wire2 {
	s.t.Helper()
	raw := s.Dial("")
	conn := tls.Client(raw, insecure("h2"))
	if err := conn.HandshakeContext(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	if got := conn.ConnectionState().NegotiatedProtocol; got != "h2" {
		s.t.Fatalf("the front chose %q, want h2", got)
	}
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		s.t.Fatal(err)
	}
	w := &wire2{t: s.t, raw: raw, conn: conn, framer: http2.NewFramer(conn, conn), replies: make(map[uint32]*reply2)}
	w.framer.AllowIllegalWrites = true
	w.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	w.encoder = hpack.NewEncoder(&w.block)
	w.grant = func(stream uint32) { w.window(stream, w.granted) }
	return w
}

// insecure is for clients of a front with a certificate that nobody knows.
func insecure(protocols ...string) *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, NextProtos: protocols}
}

// fields2 are the fields of a request for a path, of which more come after those that any request has. Each is
// "name: value".
func fields2(method, path string, more ...string) []string {
	return append([]string{":method: " + method, ":scheme: https", ":authority: example.com:81", ":path: " + path}, more...)
}

// open sends the head of a request on a new stream; end says that it is the whole request.
func (w *wire2) open(fields []string, end bool) uint32 {
	w.t.Helper()
	if w.last++; w.last%2 == 0 { // A client's are odd.
		w.last++
	}
	w.replies[w.last] = &reply2{}
	w.headers(w.last, fields, end)
	return w.last
}

// headers sends fields on a stream, in as many frames as they need.
func (w *wire2) headers(stream uint32, fields []string, end bool) {
	w.t.Helper()
	w.block.Reset()
	for _, line := range fields {
		name, value := split2(line)
		if err := w.encoder.WriteField(hpack.HeaderField{Name: name, Value: value}); err != nil {
			w.t.Fatal(err)
		}
	}
	const most = 16 << 10
	block := w.block.Bytes()
	first := block[:min(most, len(block))]
	w.sent(w.framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: stream, BlockFragment: first, EndStream: end, EndHeaders: len(first) == len(block),
	}))
	for rest := block[len(first):]; len(rest) > 0; {
		piece := rest[:min(most, len(rest))]
		rest = rest[len(piece):]
		w.sent(w.framer.WriteContinuation(stream, len(rest) == 0, piece))
	}
}

// split2 takes a line apart. The name of a pseudo-field begins with a colon.
func split2(line string) (name, value string) {
	colon := strings.Index(line[1:], ":") + 1
	return line[:colon], strings.TrimPrefix(line[colon+1:], " ")
}

// data sends a part of a body that the windows have room for.
func (w *wire2) data(stream uint32, text string, end bool) {
	w.t.Helper()
	w.sent(w.framer.WriteData(stream, end, []byte(text)))
}

// cancel tells the server that the client has no more use for a stream.
func (w *wire2) cancel(stream uint32) {
	w.t.Helper()
	w.sent(w.framer.WriteRSTStream(stream, http2.ErrCodeCancel))
}

// window lets the server send n bytes more on a stream, and on the connection.
func (w *wire2) window(stream uint32, n int) {
	w.t.Helper()
	w.sent(w.framer.WriteWindowUpdate(0, uint32(n)))
	if r := w.replies[stream]; r == nil || !r.ended() {
		w.sent(w.framer.WriteWindowUpdate(stream, uint32(n)))
	}
}

// sent is for what is written to a server that may have closed: what it says is read all the same.
func (w *wire2) sent(err error) {
	w.t.Helper()
	if err != nil && !errors.Is(err, net.ErrClosed) {
		w.t.Logf("write: %v", err)
	}
}

// exchange sends a request without a body, and returns the answer.
func (w *wire2) exchange(fields []string) *reply2 {
	w.t.Helper()
	return w.reply(w.open(fields, true))
}

// reply reads until a stream has ended.
func (w *wire2) reply(stream uint32) *reply2 {
	w.t.Helper()
	r := w.replies[stream]
	w.until(r.ended)
	return r
}

// head reads until the answer on a stream has begun.
func (w *wire2) head(stream uint32) *reply2 {
	w.t.Helper()
	r := w.replies[stream]
	w.until(func() bool { return r.status != 0 || r.ended() })
	return r
}

// until reads until something is done, or there is no more.
func (w *wire2) until(done func() bool) {
	w.t.Helper()
	for !done() {
		if err := w.next(); err != nil {
			late := net.Error(nil)
			if errors.As(err, &late) && late.Timeout() {
				w.t.Fatalf("waited %s in vain", Patience)
			}
			return
		}
	}
}

// next reads a frame.
func (w *wire2) next() error {
	frame, err := w.framer.ReadFrame()
	if broken := (http2.StreamError{}); errors.As(err, &broken) {
		w.t.Errorf("the server's frames are malformed: %v (%v)", err, w.framer.ErrorDetail())
		return nil
	}
	if err != nil {
		for _, r := range w.replies {
			if !r.ended() {
				r.lost = err
			}
		}
		return err
	}
	r := w.replies[frame.Header().StreamID]
	if r == nil {
		r = &reply2{} // It is told nothing that a test asks for.
	}
	switch frame := frame.(type) {
	case *http2.SettingsFrame:
		w.agree(frame)
	case *http2.PingFrame:
		if !frame.IsAck() {
			w.sent(w.framer.WritePing(true, frame.Data))
		}
	case *http2.GoAwayFrame:
		w.away = frame
	case *http2.RSTStreamFrame:
		r.reset, r.code = !r.whole, frame.ErrCode
	case *http2.MetaHeadersFrame:
		r.fields(frame)
	case *http2.DataFrame:
		r.body.Write(frame.Data())
		r.whole = frame.StreamEnded()
		if w.granted = len(frame.Data()); w.granted > 0 && w.grant != nil {
			w.grant(frame.StreamID)
		}
	}
	return nil
}

func (w *wire2) agree(frame *http2.SettingsFrame) {
	if frame.IsAck() {
		return
	}
	if w.settings == nil {
		w.settings = make(map[http2.SettingID]uint32)
	}
	_ = frame.ForeachSetting(func(s http2.Setting) error {
		w.settings[s.ID] = s.Val
		return nil
	})
	w.sent(w.framer.WriteSettingsAck())
}

// fields takes down a head, an interim one or trailers.
func (r *reply2) fields(frame *http2.MetaHeadersFrame) {
	h := make(http.Header)
	for _, f := range frame.RegularFields() {
		h.Add(f.Name, f.Value)
	}
	status, _ := strconv.Atoi(frame.PseudoValue("status"))
	switch {
	case status >= 200:
		r.status, r.header = status, h
	case status >= 100:
		h[":status"] = []string{frame.PseudoValue("status")}
		r.interim = append(r.interim, h)
	default:
		r.trailer = h
	}
	r.whole = r.whole || frame.StreamEnded()
}
