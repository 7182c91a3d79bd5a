package main

// ending is how a side ends its connection.
type ending uint8

const (
	endsClosed ending = iota
	endsReset
	endsHalf // Its own half only. Clients only.
)

// fraction is what the places of faults are fractions of.
const fraction = 1 << 16

// clientFault is what a client does wrong. at is where, as a fraction.
type clientFault struct {
	kind   clientKind
	region region
	end    ending
	at     int
}

type clientKind uint8

const (
	clientFine     clientKind = iota
	clientCuts                // It sends a part of its request only.
	clientLeaves              // It reads a part of the answer only.
	clientSmuggles            // It sends a length and chunks.
	clientGarbles             // It sends a broken chunk.
)

// region is the part of a request in which a client ends it.
type region uint8

const (
	regionHead region = iota
	regionBody
	regionEnd // Behind it.
	regions
)

// originFault is what an origin does wrong. at is where in its answer, as a fraction.
type originFault struct {
	kind   originKind
	end    ending
	at     int
	unread bool // Before it reads the body.
	once   bool // Only when it gets the request for the first time.
}

type originKind uint8

const (
	originFine    originKind = iota
	originSilent             // It ends the connection without a byte.
	originCuts               // It sends a part of its answer only.
	originGarbles            // It sends what is no HTTP.
	originDoubles            // It sends another answer behind its own.
	originHangs              // It sends a part of a head or nothing, and waits.
)

// idleFault is what an origin does with a connection that it said it would keep, after the answer.
type idleFault struct {
	kind  idleKind
	pause int // How long it waits for another request before, in microseconds.
}

type idleKind uint8

const (
	idleFine idleKind = iota
	idleCloses
	idleResets
)

func (p *plan) drawFault(d *dice) {
	p.client.at, p.origin.at = d.below(fraction), d.below(fraction)
	switch d.below(32) {
	case 0, 1, 2:
		p.client.kind, p.client.region, p.client.end = clientCuts, region(d.below(int(regions))), ending(d.below(3))
	case 3:
		p.client.kind, p.client.end = clientLeaves, ending(d.below(2))
	case 4:
		p.client.kind = clientSmuggles
		p.method, p.http10, p.expect, p.early = "POST", false, false, earlyNot
		p.send = message{framing: framedChunks, size: p.send.size % smallSize, pieces: p.send.pieces}
	case 5:
		if p.send.framing == framedChunks && !p.expect {
			p.client.kind = clientGarbles
		}
	case 6:
		p.origin.kind, p.origin.end, p.origin.unread, p.origin.once = originSilent, ending(d.below(2)), d.one(3), d.one(2)
	case 7, 8:
		p.origin.kind, p.origin.end = originCuts, ending(d.below(2))
	case 9:
		p.origin.kind = originGarbles
	case 10:
		// Longer ones, or several writes, might let the second come when the first is done with.
		if p.reply.framing == framedLength && p.reply.size < smallSize && !p.replyClose && p.early == earlyNot {
			p.origin.kind, p.reply.pieces, p.interims = originDoubles, 1, 0
		}
	}
	if p.reply.framing == framedEnd { // Else it would be the end.
		p.origin.end = endsReset
	}
	if p.origin.kind != originFine && p.origin.kind != originDoubles {
		p.early = earlyNot
	}
}

// drawIdle lets some origins end connections that they said they would keep.
func (p *plan) drawIdle(d *dice) {
	if p.replyClose || p.early != earlyNot || p.client.kind != clientFine {
		return
	}
	switch n := d.below(1000); {
	case n < 10:
		p.idle = idleFault{kind: idleCloses, pause: d.size(12)}
	case n == 10 && p.reply.size < smallSize: // A reset takes away what was not received.
		p.idle = idleFault{kind: idleResets, pause: d.size(12)}
	}
}

// broken says that the request is malformed.
func (p *plan) broken() bool {
	return p.client.kind == clientSmuggles || p.client.kind == clientGarbles
}

// mayServe says that a backend may give the whole answer. To a malformed request it can if it does not wait for
// what is broken.
func (p *plan) mayServe() bool {
	return p.pool == poolMain && p.client.kind != clientSmuggles && (!p.broken() || p.early != earlyNot)
}
