package main

// framing is how a body's end is told.
type framing uint8

const (
	framedNot    framing = iota // There is no body.
	framedLength                // Content-Length.
	framedChunks                // Transfer-Encoding: chunked.
	framedEnd                   // The end of the connection. Answers only.
)

// message is one side's part of an exchange.
type message struct {
	framing framing
	size    int
	trailer bool
	fill    int // The length of a field that makes the head longer.
	pieces  int // How many writes it is sent in.
}

// pool is whom a request is for.
type pool uint8

const (
	poolMain  pool = iota
	poolHurry      // Its backend never answers, and its timeout is short.
	poolNone       // It has no backend.
)

// early is what an origin does that answers before it has the request's body.
type early uint8

const (
	earlyNot      early = iota
	earlyReads          // It reads the body then, and goes on.
	earlyCloses         // It ends its half, and reads to the end.
	earlyAbandons       // It closes with the body unread, which resets the connection.
)

// plan is all that happens in an exchange. It follows from the seed and the request's number, so that a client
// and an origin agree on it without another word.
type plan struct {
	id      uint64
	pool    pool
	method  string
	http10  bool // The client speaks HTTP/1.0.
	keep    bool // The client wants to keep its connection.
	follows bool // Another request may be pipelined behind it.
	expect  bool // The client asks for a 100,
	eager   bool // and does not wait for it.
	send    message

	status     int
	reply      message
	reply10    bool // The origin speaks HTTP/1.0.
	replyClose bool // The origin closes its connection after the answer.
	interims   int  // How many 103 come before the answer.
	early      early

	client clientFault
	origin originFault
	idle   idleFault
}

// wildShare is how many requests there are for one that is not plain.
const wildShare = 6

// newPlan draws the plan of a request. Five in six are small GETs on kept connections.
func newPlan(seed, id uint64) plan {
	d := newDice(seed, id, streamPlan)
	p := plan{
		id: id, method: "GET", keep: true, follows: d.one(4), status: 200,
		reply: message{framing: framedLength, size: d.size(11), pieces: 1},
		send:  message{pieces: 1},
	}
	if !d.one(wildShare) {
		p.drawIdle(&d)
		return p
	}
	switch d.below(500) {
	case 0:
		p.pool, p.origin.kind = poolHurry, originHangs
		p.origin.at = d.below(fraction)
		return p
	case 1, 2, 3, 4, 5:
		p.pool = poolNone
		return p
	}
	p.drawRequest(&d)
	p.drawAnswer(&d)
	p.drawFault(&d)
	if p.origin.kind == originFine {
		p.drawIdle(&d)
	}
	return p
}

func (p *plan) drawRequest(d *dice) {
	p.method = []string{"GET", "GET", "HEAD", "POST", "POST", "POST", "PUT", "DELETE"}[d.below(8)]
	p.http10, p.keep = d.one(10), !d.one(12)
	p.send.fill = drawFill(d)
	p.send.pieces = drawPieces(d)
	hasBody := p.method == "POST" || p.method == "PUT" || d.one(20)
	if !hasBody {
		return
	}
	p.send.size = d.size(maxBits)
	p.send.framing = framedLength
	if !p.http10 && d.one(2) {
		p.send.framing, p.send.trailer = framedChunks, d.one(3)
	}
	if p.send.size == 0 {
		return
	}
	if !p.http10 && d.one(8) {
		p.expect, p.eager = true, d.one(3)
	}
	if d.one(8) {
		p.early = early(1 + d.below(int(earlyAbandons)))
	}
}

func (p *plan) drawAnswer(d *dice) {
	p.reply = message{size: d.size(maxBits), fill: drawFill(d), pieces: drawPieces(d)}
	switch d.below(12) {
	case 0:
		p.status = 204
	case 1:
		p.status = 304
	case 2:
		p.status = []int{201, 404, 500, 503}[d.below(4)]
	}
	p.reply.framing = []framing{framedLength, framedLength, framedChunks, framedChunks, framedEnd}[d.below(5)]
	p.reply10 = p.reply.framing != framedChunks && d.one(5)
	p.reply.trailer = p.reply.framing == framedChunks && d.one(3)
	p.replyClose = d.one(12)
	switch p.status {
	case 204:
		p.reply.framing, p.reply.size, p.reply.trailer = framedNot, 0, false
	case 304:
		p.reply.framing, p.reply.trailer = framedLength, false
	}
	if p.reply.framing == framedEnd || p.reply10 || p.early == earlyCloses || p.early == earlyAbandons {
		p.replyClose = true
	}
	if p.early == earlyAbandons { // A longer one would be lost in part with the reset.
		p.reply.size %= smallSize
	}
	if !p.reply10 && d.one(8) {
		p.interims = 1 + d.below(3)
	}
}

func drawFill(d *dice) int {
	if d.one(6) {
		return d.size(fillBits)
	}
	return 0
}

func drawPieces(d *dice) int {
	if d.one(5) {
		return 2 + d.below(5)
	}
	return 1
}

// smallSize is the length of a message that a socket takes at once.
const smallSize = 8 << 10

// bodiless says that no body follows the answer's head, whatever that announces.
func (p *plan) bodiless() bool { return p.method == "HEAD" || p.status == 204 || p.status == 304 }

// idempotent says that the request may be sent again when there was no answer (RFC 9110 9.2.2), repeatable that it is for
// sure, having no body that the front may not have any more.
func (p *plan) idempotent() bool { return p.method != "POST" }

func (p *plan) repeatable() bool {
	return p.idempotent() && p.send.size == 0 && p.send.framing != framedChunks
}

// alone says that nothing may be in flight before it on its connection.
func (p *plan) alone() bool {
	return p.expect || p.client.kind == clientCuts || p.send.size > smallSize || p.early != earlyNot
}

// last says that nothing may follow it on its connection.
func (p *plan) last() bool { return p.alone() || !p.keep || p.http10 || p.client.kind != clientFine }

// delivered is how the answer's body must be framed for the client.
func (p *plan) delivered() framing {
	f := p.reply.framing
	switch {
	case f == framedLength || f == framedNot:
		return f
	case p.bodiless() && (f == framedEnd || p.http10):
		return framedNot
	case p.http10:
		return framedEnd
	}
	return framedChunks
}
