package http1

import (
	"strings"
	"testing"
)

// decode reads a body from pieces, as a connection would give them: what is not used yet stays before what
// comes. It returns the content, and what is left behind the body.
func decode(d *Decoder, pieces ...string) (content, left string, err error) {
	var buf []byte
	for _, piece := range pieces {
		buf = append(buf, piece...)
		for !d.Done() {
			data, n, err := d.Next(buf)
			content += string(data)
			buf = buf[n:]
			if err != nil {
				return content, string(buf), err
			}
			if n == 0 {
				break
			}
		}
	}
	return content, string(buf), nil
}

func TestDecoder_leaves_what_follows(t *testing.T) {
	var d Decoder
	for _, body := range []string{"5\r\nhello\r\n0\r\n\r\n", "5\r\nhello\r\n0\r\nX: a\r\n\r\n"} {
		d.Reset()
		content, left, err := decode(&d, body+"GET / HTTP/1.1\r\n")
		if content != "hello" || left != "GET / HTTP/1.1\r\n" || err != nil || !d.Done() {
			t.Errorf("content %q, left %q, done %t, %v", content, left, d.Done(), err)
		}
		if data, n, err := d.Next([]byte("5\r\n")); len(data) != 0 || n != 0 || err != nil {
			t.Errorf("Next() after the end = %q, %d, %v", data, n, err)
		}
	}
}

func TestDecoder_copies_nothing(t *testing.T) {
	var d Decoder
	buf := []byte("5\r\nhello\r\n")
	data, n, err := d.Next(buf)
	if err != nil || n != 8 || &data[0] != &buf[3] || len(data) != 5 {
		t.Errorf("Next() = %q, %d, %v, want the five bytes of the buffer itself", data, n, err)
	}
}

func TestDecoder_trailers_in_pieces(t *testing.T) {
	var d Decoder
	content, left, err := decode(&d, "3\r\nabc\r\n0\r", "\n", "X", "-A: 1\r", "\nX-B", ": 2\r\n\r", "\nnext")
	if content != "abc" || left != "next" || err != nil {
		t.Fatalf("content %q, left %q, %v", content, left, err)
	}
	// The bytes that the last call was given are still there: decode appends, and cuts from the front.
	if got, want := string(AppendLastChunk(nil, &d)), "0\r\nX-A: 1\r\nX-B: 2\r\n\r\n"; got != want {
		t.Errorf("AppendLastChunk() = %q, want %q", got, want)
	}
	d.Reset()
	if _, _, err := decode(&d, "0\r\n\r\n"); err != nil || string(AppendLastChunk(nil, &d)) != "0\r\n\r\n" {
		t.Errorf("trailers were left over after Reset: %q, %v", AppendLastChunk(nil, &d), err)
	}
}

// TestDecoder_one_byte_per_chunk is how some stream. It costs five bytes of framing for each, and is good.
func TestDecoder_one_byte_per_chunk(t *testing.T) {
	var d Decoder
	content, _, err := decode(&d, strings.Repeat("1\r\nx\r\n", 10_000)+"0\r\n\r\n")
	if len(content) != 10_000 || err != nil || !d.Done() {
		t.Errorf("%d bytes, done %t, %v", len(content), d.Done(), err)
	}
}

func TestDecoder_extensions_beside_much_content(t *testing.T) {
	var d Decoder
	chunk := "400;" + strings.Repeat("a", 250) + "\r\n" + strings.Repeat("x", 1024) + "\r\n"
	if content, _, err := decode(&d, strings.Repeat(chunk, 1000)+"0\r\n\r\n"); len(content) != 1024_000 || err != nil {
		t.Errorf("%d bytes, %v", len(content), err)
	}
}

func TestAppendChunk(t *testing.T) {
	var out []byte
	for _, data := range []string{"hello", "", strings.Repeat("x", 255)} {
		out = AppendChunk(out, []byte(data))
	}
	out = AppendChunkSize(out, 0) // It must not end the body.
	out = AppendLastChunk(out, nil)
	want := "5\r\nhello\r\nff\r\n" + strings.Repeat("x", 255) + "\r\n0\r\n\r\n"
	if string(out) != want {
		t.Errorf("got %q, want %q", out, want)
	}
	if size := AppendChunkSize(nil, 1<<63-1); len(size) > MaxChunkSize {
		t.Errorf("a size takes %d bytes, want %d at most", len(size), MaxChunkSize)
	}
}

// TestAppendLastChunk_unfinished says that trailers are only known at the end.
func TestAppendLastChunk_unfinished(t *testing.T) {
	var d Decoder
	if _, _, err := decode(&d, "0\r\nX: a\r\n"); err != nil || d.Done() {
		t.Fatalf("done %t, %v", d.Done(), err)
	}
	if got := string(AppendLastChunk(nil, &d)); got != "0\r\n\r\n" {
		t.Errorf("AppendLastChunk() = %q", got)
	}
}
