package front_test

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// script is what the client and the backends do in one run. It is all made of the fuzzer's bytes.
type script struct {
	real bool // Over TCP and in real time: nobody pauses or waits for a limit.
	asks []*ask
	// end is what the client does when it has sent endAt bytes, or read as many if it is endDeaf.
	end   ending
	endAt int
	pace  pace // Of what the client sends.
	reads [4]pace
	dials []dial
	lone  bool // There is one backend, not two.
	// drainAfter is after how many answers the front is drained; -1 for when all is over.
	drainAfter int
}

// endless says that an exchange may never end by itself: there is no limit to how long an answer may pause, or a
// tunnel.
func (s *script) endless() bool { return slices.ContainsFunc(s.asks, s.mayHang) }

func (s *script) mayHang(a *ask) bool {
	return a.reply.fault == faultStall || a.upgrade && (s.end == endDeaf || s.end == endStall)
}

// refusals is how many attempts to connect must fail for a request to have no backend.
func (s *script) refusals() int {
	if s.lone {
		return 1
	}
	return 2
}

// ask is one request.
type ask struct {
	id        int
	method    string
	http10    bool
	head      []byte
	tail      []byte // What is sent behind the head: a body, as it is framed.
	target    string // As it must arrive.
	through   []string
	body      []byte
	chunked   bool
	trailers  []string // As they must arrive.
	last      bool     // It says so.
	expects   bool     // To be told to send its body,
	waits     bool     // which it waits for.
	upgrade   bool
	tunnelled []byte // What is sent when the protocol was switched.
	tunnelEnd ending
	pipelined bool
	pause     time.Duration
	refusal   string // The slug that it must be refused with, without a look at the rest.
	malformed bool   // Its body is.
	early     []byte // What was sent too early, if it is that and no request.
	reply     reply
}

// idempotent says that it may be sent twice (RFC 9110 9.2.2), repeatable that it can be for sure, having no body that may
// not be there any more.
func (a *ask) idempotent() bool {
	switch a.method {
	case "GET", "HEAD", "PUT", "DELETE", "OPTIONS":
		return true
	}
	return false
}

func (a *ask) repeatable() bool { return a.idempotent() && len(a.body) == 0 && !a.chunked }

// reply is what a backend does with a request.
type reply struct {
	interims []int
	status   int
	http10   bool
	head     []byte
	tail     []byte
	through  []string
	body     []byte
	framing  framing
	trailers []string
	hasty    bool // It answers before it reads the body,
	rude     bool // and then does not read it.
	closes   bool // It says that it closes, and does.
	quits    bool // It closes without saying so, when the connection was idle for
	idle     time.Duration
	pause    time.Duration
	fault    fault
	at       int // How much is sent of the part in which it fails.
	once     bool
	pace     pace
}

// framing is how the end of an answer is found.
type framing uint8

const (
	byNothing framing = iota // There is no body.
	byLength
	byChunks
	byEnd
)

// fault is what goes wrong with an answer.
type fault uint8

const (
	faultNone   fault = iota
	faultQuit         // The connection ends without a byte of it,
	faultReset        // or is reset.
	faultHead         // It ends within the head.
	faultBad          // The head can't be read.
	faultCut          // It ends within the body.
	faultChunk        // The body is malformed.
	faultExcess       // More comes than the answer.
	faultMute         // No byte comes, and the connection stays.
	faultStall        // The rest of the body does not come, and the connection stays.
	faults
)

// ending is how a client leaves.
type ending uint8

const (
	endNone  ending = iota
	endHalf         // It sends no more, and says so.
	endClose        // It closes.
	endReset        // It resets.
	endStall        // It sends no more.
	endDeaf         // It reads no more.
	endings
)

// dial is what becomes of an attempt to connect to a backend.
type dial uint8

const (
	dialWorks dial = iota
	dialFails
	dialHangs
	dialOutcomes
)

// pace is how bytes are cut into pieces. Pieces grow, so that long bodies do not take for ever.
type pace struct {
	sizes  []int
	pauses []time.Duration // Before the first pieces.
}

func (p pace) size(nth, done int) int {
	if len(p.sizes) == 0 {
		return 1 << 20
	}
	return p.sizes[nth%len(p.sizes)] + done/32
}

func (p pace) pause(nth int) time.Duration {
	if nth < len(p.pauses) {
		return p.pauses[nth]
	}
	return 0
}

// describe tells all that matters to who has to find out what went wrong.
func (s *script) describe() string {
	var b strings.Builder
	fmt.Fprintf(&b, "client ends %d at %d, drain after %d, dials %v, lone %t, pace %v\n", s.end, s.endAt, s.drainAfter, s.dials, s.lone, s.pace)
	for _, a := range s.asks {
		fmt.Fprintf(&b, "ask %d: pipelined %t pause %s waits %t malformed %t refusal %q\n  %.160q + %.100q (%d)\n",
			a.id, a.pipelined, a.pause, a.waits, a.malformed, a.refusal, a.head, a.tail, len(a.tail))
		r := &a.reply
		fmt.Fprintf(&b, "  reply: fault %d at %d once %t, hasty %t rude %t closes %t quits %t after %s, interims %v pause %s pace %v\n  %.160q + %.100q (%d)\n",
			r.fault, r.at, r.once, r.hasty, r.rude, r.closes, r.quits, r.idle, r.interims, r.pause, r.pace, r.head, r.tail, len(r.tail))
	}
	return b.String()
}
