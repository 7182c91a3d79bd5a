package http1

// Decoder reads a chunked body (RFC 9112 7.1). The zero value is ready; Reset makes it so again.
type Decoder struct {
	state  chunkState
	digits int
	size   int64 // What is still to come of the chunk.
	line   int64 // The length of its size line so far.
	excess int64
	read   int64  // How much content there was.
	rest   Fields // The trailers.
}

type chunkState uint8

const (
	chunkSize      chunkState = iota // Before or in the size.
	chunkExtension                   // Behind it.
	chunkSizeLF                      // At the line feed of that line.
	chunkData
	chunkCR // At the end of the data.
	chunkLF
	chunkTrailer
	chunkDone
)

const (
	maxChunkDigits    = 16
	maxChunkExtension = 256
	// maxExcess is how much more may be spent on framing than on what is framed: each chunk may cost 16 bytes
	// and twice its size, and what goes beyond that is added up.
	maxExcess = 8 << 10
)

// Reset makes the decoder ready for another body.
func (d *Decoder) Reset() {
	d.rest.reset()
	*d = Decoder{rest: d.rest}
}

// Done says that the body has ended, with its trailers. What follows is not its own.
func (d *Decoder) Done() bool { return d.state == chunkDone }

// Content is how many bytes of content have been read.
func (d *Decoder) Content() int64 { return d.read }

// Next reads the body on from the start of buf. It returns the next piece of the content, which is a part
// of buf, and how many bytes of buf are done with, that piece among them. If n is 0 and Done is false, more
// is needed; the same bytes must then stand before it. Only trailers need that, MaxTrailer bytes at most.
// An error is an *Error.
func (d *Decoder) Next(buf []byte) (data []byte, n int, err error) {
	for n < len(buf) && d.state != chunkDone {
		switch d.state {
		case chunkData:
			size := int(min(d.size, int64(len(buf)-n)))
			data = buf[n : n+size]
			d.read += int64(size)
			if d.size -= int64(size); d.size == 0 {
				d.state = chunkCR
			}
			return data, n + size, nil
		case chunkTrailer:
			size, err := d.trailers(buf[n:])
			return nil, n + size, err
		default:
			if err := d.step(buf[n]); err != nil {
				return nil, n, err
			}
			n++
		}
	}
	return nil, n, nil
}

// step reads one byte of what is between chunks.
func (d *Decoder) step(c byte) error {
	switch d.state {
	case chunkSize:
		d.line++
		return d.sizeByte(c)
	case chunkExtension:
		d.line++
		return d.extensionByte(c)
	case chunkSizeLF:
		if c != '\n' {
			return ErrBareCR
		}
		return d.begin()
	case chunkCR:
		if c != '\r' {
			return ErrChunkEnd
		}
		d.state = chunkLF
	case chunkLF:
		if c != '\n' {
			return ErrChunkEnd
		}
		d.state, d.digits, d.line = chunkSize, 0, 0
	}
	return nil
}

func (d *Decoder) sizeByte(c byte) error {
	switch {
	case class[c]&isHex != 0:
		if d.digits++; d.digits > maxChunkDigits || d.size > (1<<63-1)>>4 {
			return ErrChunkSize
		}
		d.size = d.size<<4 | int64(unhex(c))
		return nil
	case d.digits == 0:
		return ErrChunkSize
	case c == '\r':
		d.state = chunkSizeLF
		return nil
	case c == ';':
		d.state = chunkExtension
		return nil
	case c == '\n':
		return ErrBareLF
	}
	return ErrChunkSize
}

// extensionByte drops an extension: nobody has a meaning for one, and they hid many a request.
func (d *Decoder) extensionByte(c byte) error {
	switch {
	case c == '\r':
		d.state = chunkSizeLF
		return nil
	case c == '\n':
		return ErrBareLF
	case class[c]&isValue == 0 || d.line > maxChunkExtension:
		return ErrChunkExtension
	}
	return nil
}

// begin begins a chunk whose size line has ended.
func (d *Decoder) begin() error {
	if d.size == 0 {
		d.state = chunkTrailer
		return nil
	}
	d.state = chunkData
	if d.size < maxExcess {
		d.excess = max(0, d.excess+d.line+2-16-2*d.size)
	} else {
		d.excess = 0
	}
	if d.excess > maxExcess {
		return ErrChunkExtension
	}
	return nil
}

// trailers reads the trailer section, and returns its length when it is whole.
func (d *Decoder) trailers(buf []byte) (int, error) {
	d.rest.buf = buf
	ok, err := d.rest.read(MaxTrailer, ErrTrailerTooLarge)
	if !ok {
		return 0, err
	}
	d.state = chunkDone
	return d.rest.at, nil
}

func unhex(c byte) byte {
	if isDigit(c) {
		return c - '0'
	}
	return lower[c] - 'a' + 10
}
