package main

import (
	"strings"
	"testing"
)

func TestRead_refuses_what_has_two_framings(t *testing.T) {
	tests := []struct{ name, in, refused string }{
		{"plain", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", ""},
		{"length", "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi", ""},
		{"chunks", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2;a\r\nhi\r\n0\r\nX: y\r\n\r\n", ""},
		{"both", "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "framed twice"},
		{"two lengths", "POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "framed twice"},
		{"sign", "POST / HTTP/1.1\r\nContent-Length: +5\r\n\r\nhello", "Content-Length"},
		{"too large", "POST / HTTP/1.1\r\nContent-Length: 18446744073709551621\r\n\r\nhello", "Content-Length"},
		{"other coding", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked,\r\n\r\n0\r\n\r\n", "Transfer-Encoding"},
		{"chunks in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "Transfer-Encoding"},
		{"line feed", "GET / HTTP/1.1\r\nX: a\nY: b\r\n\r\n", "line"},
		{"fold", "GET / HTTP/1.1\r\nX: a\r\n b\r\n\r\n", "folded"},
		{"space before a colon", "GET / HTTP/1.1\r\nContent-Length : 5\r\n\r\nhello", "without a name"},
		{"chunk size", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0x2\r\nhi\r\n0\r\n\r\n", "chunk size"},
		{"chunk end", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi!\r\n0\r\n\r\n", "longer"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := strictly.read([]byte(tt.in), nil, false)
			switch {
			case tt.refused == "" && (got.refused != "" || len(got.messages) != 1 || !got.messages[0].whole):
				t.Errorf("read() = %+v, want one whole message", got)
			case tt.refused != "" && !strings.Contains(got.refused, tt.refused):
				t.Errorf("refused = %q, want %q", got.refused, tt.refused)
			}
		})
	}
}

func TestAmbiguity(t *testing.T) {
	const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
	tests := []struct {
		name, in string
		answered []string
		twofold  bool
	}{
		{"one request", get, nil, false},
		{"two requests", get + get, nil, false},
		{"length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" + get, nil, false},
		{"chunks", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + get, nil, false},
		{"body that has not come", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhello", nil, false},
		{"both", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX", nil, true},
		{"two lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 2\r\n\r\nhello", nil, true},
		{"line feed hides a length", "POST / HTTP/1.1\r\nHost: a\r\nX: b\nContent-Length: 5\r\n\r\nhello", nil, true},
		{"alias of a length", "POST / HTTP/1.1\r\nHost: a\r\nContent_Length: 5\r\n\r\n" + get, nil, true},
		{"coding that is almost chunked", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked,\r\n\r\n" + chunks, nil, true},
		{"two hosts in one", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", nil, true},
		{"fragment", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", nil, true},
		{"answer", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", []string{"GET"}, false},
		{"answer to HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", []string{"HEAD"}, false},
		{"answer with both", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks, []string{"GET"}, true},
		{"answer before the answer", "HTTP/1.1 103 X\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", []string{"GET"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := ambiguity([]byte(tt.in), tt.answered, true); (got != "") != tt.twofold {
				t.Errorf("ambiguity() = %q, want some: %t", got, tt.twofold)
			}
		})
	}
}
