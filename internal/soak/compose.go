package main

import (
	"net"
	"runtime"
	"strconv"
)

const (
	fieldID       = "X-Soak-Id"
	fieldReceived = "X-Soak-Received"
	fieldFiller   = "X-Soak-Filler"
	fieldTrailer  = "X-Soak-Trailer"
	host          = "soak.example"
)

// prefixes are what the targets begin with, which Route looks at and strips.
var prefixes = [...]string{poolMain: "/main", poolHurry: "/hurry", poolNone: "/none"}

// script is what both sides compose and compare messages with.
type script struct {
	seed    uint64
	content *content
}

// appendRequest appends a request. head is where its body begins, and end where the client ends it.
func (s *script) appendRequest(dst []byte, p *plan) (out []byte, head, end int) {
	start := len(dst)
	dst = append(dst, p.method...)
	dst = append(dst, ' ')
	dst = append(dst, prefixes[p.pool]...)
	dst = p.appendTarget(dst)
	if p.http10 {
		dst = append(dst, " HTTP/1.0\r\n"...)
	} else {
		dst = append(dst, " HTTP/1.1\r\n"...)
	}
	dst = append(dst, "Host: "+host+"\r\n"...)
	dst = p.appendFields(dst, &p.send)
	dst = s.appendFiller(dst, p.id, sideRequest, &p.send)
	if p.client.kind == clientSmuggles {
		dst = append(dst, "Content-Length: 4\r\n"...)
	}
	if p.expect {
		dst = append(dst, "Expect: 100-continue\r\n"...)
	}
	switch {
	case p.http10 && p.keep:
		dst = append(dst, "Connection: keep-alive\r\n"...)
	case !p.http10 && !p.keep:
		dst = append(dst, "Connection: close\r\n"...)
	}
	dst = append(dst, "\r\n"...)
	head = len(dst)
	d := newDice(s.seed, p.id, streamRequest)
	dst = s.appendBody(dst, p, sideRequest, &p.send, &d)
	return dst, head, p.cutAt(start, head, len(dst))
}

// appendTarget appends what is left of the target at the origin.
func (p *plan) appendTarget(dst []byte) []byte {
	dst = append(dst, "/r/"...)
	dst = strconv.AppendUint(dst, p.id, 10)
	return append(dst, "?a=1;b=%zz"...)
}

// cutAt is where the client ends its request.
func (p *plan) cutAt(start, head, end int) int {
	switch {
	case p.client.kind != clientCuts || p.client.region == regionEnd:
		return end
	case p.client.region == regionHead || head == end:
		return start + part(p.client.at, head-start)
	}
	return head + part(p.client.at, end-head)
}

// part is a fraction of n, less than n.
func part(at, n int) int { return n * at / fraction }

func (p *plan) appendFields(dst []byte, m *message) []byte {
	dst = append(dst, fieldID+": "...)
	dst = strconv.AppendUint(dst, p.id, 10)
	dst = append(dst, "\r\n"...)
	switch m.framing {
	case framedLength:
		dst = append(dst, "Content-Length: "...)
		dst = strconv.AppendInt(dst, int64(m.size), 10)
		dst = append(dst, "\r\n"...)
	case framedChunks:
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	}
	if m.trailer {
		dst = append(dst, "Trailer: "+fieldTrailer+"\r\n"...)
	}
	return dst
}

func (s *script) appendFiller(dst []byte, id uint64, of side, m *message) []byte {
	if m.fill == 0 {
		return dst
	}
	dst = append(dst, fieldFiller+": "...)
	dst = append(dst, s.content.filler(id, of, m.fill)...)
	return append(dst, "\r\n"...)
}

func (s *script) appendBody(dst []byte, p *plan, of side, m *message, d *dice) []byte {
	data := s.content.body(p.id, of, m.size)
	if m.framing != framedChunks {
		if m.framing == framedNot {
			return dst
		}
		return append(dst, data...)
	}
	least := len(data)/64 + 1 // Not too many.
	garbled := of == sideRequest && p.client.kind == clientGarbles
	for len(data) > 0 {
		n := min(len(data), least+d.size(16))
		dst = appendChunkSize(dst, n, d)
		dst = append(dst, data[:n]...)
		dst = append(dst, "\r\n"...)
		data = data[n:]
		if garbled && (len(data) == 0 || d.one(3)) {
			break
		}
	}
	if garbled {
		return append(dst, "x\r\n"...)
	}
	dst = append(dst, "0\r\n"...)
	if m.trailer {
		dst = append(append(dst, p.trailer(m)...), "\r\n"...)
	}
	return append(dst, "\r\n"...)
}

func appendChunkSize(dst []byte, n int, d *dice) []byte {
	if d.one(4) {
		dst = append(dst, "00"...)
	}
	dst = strconv.AppendInt(dst, int64(n), 16)
	if d.one(4) {
		dst = append(dst, ";soak=\"a b\""...)
	}
	return append(dst, "\r\n"...)
}

// trailer is the line that a trailer section must have.
func (p *plan) trailer(m *message) string {
	if !m.trailer {
		return ""
	}
	return fieldTrailer + ": " + strconv.FormatUint(p.id, 10)
}

// write writes bytes in so many pieces.
func write(conn net.Conn, b []byte, pieces int, d *dice) error {
	for ; pieces > 1 && len(b) > 1; pieces-- {
		n := 1 + d.below(min(len(b)-1, 1+d.size(maxBits)))
		if _, err := conn.Write(b[:n]); err != nil {
			return err
		}
		b = b[n:]
		runtime.Gosched()
	}
	_, err := conn.Write(b)
	return err
}
