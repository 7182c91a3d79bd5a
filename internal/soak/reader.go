package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
)

const readerSize = 32 << 10

// violation is what must not happen, whatever the faults: the bytes that came are not what they must be.
type violation string

func (v violation) Error() string { return string(v) }

func violated(format string, args ...any) error { return violation(fmt.Sprintf(format, args...)) }

// reader reads messages strictly, and compares them with what they should be. It is independent of the codec
// under test.
type reader struct{ *bufio.Reader }

func newReader(from io.Reader) reader { return reader{bufio.NewReaderSize(from, readerSize)} }

// line returns the next line without its end. It is valid until the next read.
func (r reader) line() ([]byte, error) {
	b, err := r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, violated("a line of more than %d bytes: %q…", readerSize, excerpt(b))
	case err != nil && len(b) > 0 && errors.Is(err, io.EOF):
		return nil, io.ErrUnexpectedEOF
	case err != nil:
		return nil, err
	case len(b) < 2 || b[len(b)-2] != '\r':
		return nil, violated("a line that does not end with CRLF: %q", excerpt(b))
	}
	return b[:len(b)-2], nil
}

// match reads as many bytes as want has, which must be the same.
func (r reader) match(want []byte) (int, error) {
	done := 0
	for done < len(want) {
		if _, err := r.Peek(1); err != nil {
			return done, err
		}
		b, err := r.Peek(min(r.Buffered(), len(want)-done))
		if err != nil {
			return done, err
		}
		if !bytes.Equal(b, want[done:done+len(b)]) {
			return done, differs(done, want[done:done+len(b)], b)
		}
		if _, err := r.Discard(len(b)); err != nil {
			return done, err
		}
		done += len(b)
	}
	return done, nil
}

func differs(from int, want, got []byte) error {
	i := 0
	for want[i] == got[i] {
		i++
	}
	return violated("byte %d of the body differs: %q, want %q", from+i, excerpt(got[i:]), excerpt(want[i:]))
}

// body reads a body that must be want, and stops when it has seen limit bytes. It returns how many came.
func (r reader) body(f framing, want []byte, limit int, trailer string) (int, error) {
	switch f {
	case framedLength:
		return r.match(want[:min(limit, len(want))])
	case framedChunks:
		return r.chunks(want, limit, trailer)
	case framedEnd:
		n, err := r.match(want[:min(limit, len(want))])
		if err != nil || limit < len(want) {
			if errors.Is(err, io.EOF) {
				err = violated("%d bytes and an end in good order, want %d", n, len(want))
			}
			return n, err
		}
		return n, r.end()
	}
	return 0, nil
}

// end reads the end of the connection.
func (r reader) end() error {
	_, err := r.Peek(1)
	switch {
	case err == nil:
		b, _ := r.Peek(r.Buffered()) // What is buffered can be peeked at.
		return violated("bytes where the end was due: %q", excerpt(b))
	case errors.Is(err, io.EOF):
		return nil
	}
	return err
}

// chunks reads a chunked body. Extensions must have been dropped on the way.
func (r reader) chunks(want []byte, limit int, trailer string) (int, error) {
	got := 0
	for got < limit || limit >= len(want) {
		line, err := r.line()
		if err != nil {
			return got, notEnd(err)
		}
		size, err := strconv.ParseUint(string(line), 16, 31)
		switch {
		case err != nil:
			return got, violated("the size line of a chunk behind %d bytes is %q", got, excerpt(line))
		case size == 0 && got != len(want):
			return got, violated("the last chunk behind %d bytes, want %d", got, len(want))
		case size == 0:
			return got, notEnd(r.trailers(trailer))
		case int(size) > len(want)-got:
			return got, violated("a chunk of %d bytes behind %d, want %d in all", size, got, len(want))
		}
		n, err := r.match(want[got : got+int(size)])
		got += n
		if err != nil {
			return got, notEnd(err)
		}
		if line, err = r.line(); err != nil || len(line) > 0 {
			if err == nil {
				err = violated("%q behind a chunk of %d bytes", excerpt(line), size)
			}
			return got, notEnd(err)
		}
	}
	return got, nil
}

func (r reader) trailers(want string) error {
	got := ""
	for {
		line, err := r.line()
		switch {
		case err != nil:
			return err
		case len(line) == 0 && got != want:
			return violated("trailers %q, want %q", got, want)
		case len(line) == 0:
			return nil
		}
		got += string(line)
	}
}

// notEnd makes an error of an end where more was due.
func notEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// excerpt is the beginning of bytes that are too many to print.
func excerpt(b []byte) []byte { return b[:min(len(b), 96)] }

// brokeOff says that a connection ended, as opposed to what can't be excused.
func brokeOff(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE) || errors.Is(err, net.ErrClosed)
}

func timedOut(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// endOf names how a connection ended.
func endOf(err error) string {
	switch {
	case errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE):
		return "reset"
	case brokeOff(err):
		return "closed"
	}
	return strings.ReplaceAll(err.Error(), "\n", " ")
}
