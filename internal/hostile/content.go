package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/ballast-lb/ballast/internal/mockbackend"
)

const (
	// period is that of the bytes of a content, and blockSize what is moved at a time.
	period    = 251
	blockSize = 128 << 10
)

// pattern is a block from each of the offsets in a period.
var pattern = newPattern()

func newPattern() []byte {
	p := make([]byte, blockSize+period)
	for i := range p {
		p[i] = mockbackend.ByteAt(int64(i))
	}
	return p
}

// content reads as a body that both sides know; left is how much of it is to come. A byte lost, doubled or out of place
// shows in all that follow.
type content struct{ at, left int64 }

func (c *content) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, io.EOF
	}
	from := c.at % period
	n := copy(p[:min(int64(len(p)), c.left)], pattern[from:from+blockSize])
	c.at += int64(n)
	c.left -= int64(n)
	return n, nil
}

// check reads all of a body, and returns its length. It is an error if it is not a content's beginning.
func check(body io.Reader) (length int64, wrong error) {
	block := make([]byte, blockSize)
	for {
		n, err := body.Read(block)
		from := length % period
		if wrong == nil && !bytes.Equal(block[:n], pattern[from:from+int64(n)]) {
			wrong = fmt.Errorf("the bytes from %d on are not those that were sent", length)
		}
		length += int64(n)
		if errors.Is(err, io.EOF) {
			return length, wrong
		}
		if err != nil {
			return length, fmt.Errorf("after %d bytes: %w", length, err)
		}
	}
}
