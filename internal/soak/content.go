package main

const (
	maxBits  = 20
	maxSize  = 1 << maxBits // The longest body.
	fillBits = 13
	maxFill  = 1 << fillBits // The longest filler of a head.
)

// side tells the bodies of a request and of its answer apart.
type side uint64

const (
	sideRequest side = iota
	sideAnswer
	sides
)

// content is what bodies and fillers are made of: a piece of one random block, which piece being told by the
// request and the side. So bytes that are missing, doubled, or another request's, don't match. It is immutable.
type content struct{ block, letters []byte }

func newContent(seed uint64) *content {
	c := &content{block: make([]byte, 2*maxSize), letters: make([]byte, 2*maxFill)}
	d := newDice(seed, 0, streamPlan)
	for i := range c.block {
		c.block[i] = byte(d.below(256))
	}
	for i := range c.letters {
		c.letters[i] = 'a' + byte(d.below(26))
	}
	return c
}

// body returns the size bytes that a request's or an answer's body consists of. They must not be changed.
func (c *content) body(id uint64, s side, size int) []byte {
	at := int(mix(id*uint64(sides)+uint64(s)) % maxSize)
	return c.block[at : at+size]
}

// filler returns the value of a field that makes heads longer.
func (c *content) filler(id uint64, s side, size int) []byte {
	at := int(mix(id*uint64(sides)+uint64(s)) % maxFill)
	return c.letters[at : at+size]
}
