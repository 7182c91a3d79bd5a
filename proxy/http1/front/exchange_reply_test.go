package front_test

import (
	"bytes"
	"fmt"
	"strings"
	"time"
)

func (d *decoder) reply(a *ask) reply {
	r := reply{status: [...]int{200, 201, 404, 500, 204, 304, 503}[d.n(7)], pause: d.pause(), pace: d.pace()}
	for range d.n(3) {
		r.interims = append(r.interims, [...]int{103, 100, 102}[d.n(3)])
	}
	r.framing = framing(1 + d.n(3))
	r.http10 = d.rarely(8)
	if r.http10 && r.framing == byChunks {
		r.framing = byLength
	}
	r.hasty = d.rarely(4)
	r.rude = r.hasty && d.rarely(2)
	r.closes = d.rarely(5)
	if r.quits = d.rarely(4); r.quits {
		r.idle = d.pause()
	}
	size := d.size()
	if a.upgrade && d.n(3) < 2 {
		r.status, r.http10, size = 101, false, min(size, 5000)
	}
	if r.status == 204 || r.status == 304 || r.status == 101 {
		r.framing = byNothing
	}
	if r.framing != byNothing || r.status == 101 { // Of a 101, it is what the backend says first.
		r.body = content(fmt.Sprint("reply ", a.id), size)
	}
	d.printReply(a, &r)
	d.fail(a, &r)
	return r
}

func (d *decoder) printReply(a *ask, r *reply) {
	version := "HTTP/1.1"
	if r.http10 {
		version = "HTTP/1.0"
	}
	r.through = []string{fmt.Sprint("X-Reply: ", a.id), "Set-Cookie: a=\xff", "Set-Cookie: b"}
	lines := append([]string{fmt.Sprint(version, " ", r.status, " Some \xff Reason")}, r.through...)
	lines = append(lines, "X-Ballast-Error: forged", "Keep-Alive: timeout=5")
	switch {
	case r.status == 101:
		lines = append(lines, "Connection: Upgrade, keep-alive", "Upgrade: websocket")
		r.closes = false
	case r.closes:
		lines = append(lines, "Connection: close, x-drop", "X-Drop: me")
	case r.http10:
		lines = append(lines, "Connection: keep-alive")
	}
	bodiless := a.method == "HEAD" || r.framing == byNothing
	switch r.framing {
	case byLength:
		lines = append(lines, fmt.Sprint("Content-Length: ", len(r.body)))
		r.tail = r.body
	case byChunks:
		lines = append(lines, "Transfer-Encoding: chunked", "Trailer: X-Sum")
		r.tail, r.trailers = d.chunks(r.body)
	case byEnd:
		r.tail = r.body
		r.closes = r.closes || !bodiless
		r.rude = r.rude || r.hasty && a.expects // The client may wait for the end, and so may not send what is read before.
	}
	if bodiless {
		r.tail, r.trailers = nil, nil
		if r.status != 101 {
			r.body = nil
		}
	}
	r.head = []byte(strings.Join(lines, "\r\n") + "\r\n\r\n")
}

// fail lets something go wrong, in a third of all answers.
func (d *decoder) fail(a *ask, r *reply) {
	r.fault = fault(d.n(3 * int(faults)))
	r.at, r.once = d.n(256)<<8|d.n(256), d.rarely(2)
	switch {
	case r.fault >= faults, d.real && r.fault >= faultMute:
		r.fault = faultNone
	case r.fault >= faultCut && r.fault != faultMute && (r.status == 101 || len(r.tail) == 0):
		r.fault = faultNone
	case r.fault == faultChunk && r.framing != byChunks:
		r.fault = faultCut
	case r.fault == faultExcess && r.framing == byEnd:
		r.fault = faultNone
	}
	switch r.fault {
	case faultHead:
		r.at = 1 + r.at%(len(r.head)-1)
	case faultCut, faultStall:
		r.at %= len(r.tail)
	case faultBad:
		bad := [...]string{
			"HTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 099 OK\r\n\r\n", "HTTP/1.1 200 OK\nX: y\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n12",
			"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 200 OK\r\nX : y\r\n\r\n",
			"HTTP/1.1 101 Now\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", "hello\r\n",
		}
		r.head, r.tail = []byte(bad[r.at%len(bad)]), nil
	case faultChunk:
		end := bytes.LastIndex(r.tail, []byte("0\r\n"))
		bad := [...]string{"x\r\n", "5\nhello\r\n0\r\n\r\n", "3\r\nhello\r\n0\r\n\r\n", "0\r\nX : y\r\n\r\n"}
		r.tail = append(bytes.Clone(r.tail[:end]), bad[r.at%len(bad)]...)
	case faultExcess:
		r.tail = append(bytes.Clone(r.tail), "excess"...)
	}
	if a.malformed || a.refusal != "" {
		r.quits, r.idle = false, time.Duration(0)
	}
}
