package http1

import "strconv"

// MaxChunkSize is the length of what AppendChunkSize appends at most.
const MaxChunkSize = 16 + 2

// ChunkEnd follows the data of each chunk.
const ChunkEnd = "\r\n"

// AppendChunkSize appends the line that stands before the data of a chunk, which ChunkEnd must follow. For a
// size of 0 it appends nothing: that would end the body, and AppendLastChunk does so.
func AppendChunkSize(dst []byte, size int) []byte {
	if size <= 0 {
		return dst
	}
	dst = strconv.AppendInt(dst, int64(size), 16)
	return append(dst, "\r\n"...)
}

// AppendChunk appends data as a chunk; nothing if it is empty.
func AppendChunk(dst, data []byte) []byte {
	if len(data) == 0 {
		return dst
	}
	dst = AppendChunkSize(dst, len(data))
	dst = append(dst, data...)
	return append(dst, ChunkEnd...)
}

// AppendLastChunk ends a chunked body, with the trailers that a decoder has read and that may be
// passed on. It may be nil: then there are none. The bytes that its last Next was given must still be there.
func AppendLastChunk(dst []byte, from *Decoder) []byte {
	dst = append(dst, "0\r\n"...)
	if from != nil && from.Done() {
		for i := range from.rest.list {
			if from.rest.mayTrail(i) {
				dst = from.rest.appendField(dst, &from.rest.list[i])
			}
		}
	}
	return append(dst, "\r\n"...)
}

// mayTrail says whether a field is good in a trailer. RFC 9110 6.5.1 forbids what is needed before the body is
// read: to frame, route, authenticate, control the request or the answer, or to read the content.
func (f *Fields) mayTrail(i int) bool {
	l := &f.list[i]
	if l.id != idOther {
		return false
	}
	name := f.text(l.name)
	for _, n := range notTrailers {
		if same(name, n) {
			return false
		}
	}
	return true
}

// notTrailers are the names that are nowhere in the codec but may not be in a trailer.
var notTrailers = [...]string{
	"authorization", "www-authenticate", "authentication-info", "proxy-authentication-info", "cookie", "set-cookie",
	"cache-control", "pragma", "max-forwards", "range", "if-match", "if-none-match", "if-modified-since",
	"if-unmodified-since", "if-range", "age", "date", "expires", "location", "retry-after", "vary", "warning",
	"content-encoding", "content-type", "content-range", "content-location", "content-disposition",
}
