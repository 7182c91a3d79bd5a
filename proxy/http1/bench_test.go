package http1

import (
	"strings"
	"testing"
)

const (
	curlHead = "GET /lb/api/items?page=2 HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n"

	browserHead = "GET /static/app/index.html?v=20260102&lang=en HTTP/1.1\r\n" +
		"Host: www.example.com\r\n" +
		"Connection: keep-alive\r\n" +
		"Cache-Control: max-age=0\r\n" +
		"sec-ch-ua: \"Chromium\";v=\"124\", \"Google Chrome\";v=\"124\", \"Not-A.Brand\";v=\"99\"\r\n" +
		"sec-ch-ua-mobile: ?0\r\n" +
		"sec-ch-ua-platform: \"Linux\"\r\n" +
		"Upgrade-Insecure-Requests: 1\r\n" +
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36\r\n" +
		"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8\r\n" +
		"Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-User: ?1\r\nSec-Fetch-Dest: document\r\n" +
		"Referer: https://www.example.com/static/app/\r\n" +
		"Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\n" +
		"Cookie: session=0123456789abcdef0123456789abcdef; ballast_affinity=4f2a9c0d1e; theme=dark\r\n\r\n"

	responseHead = "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Fri, 02 Jan 2026 03:04:05 GMT\r\nContent-Type: text/plain; charset=utf-8\r\n" +
		"Content-Length: 126\r\nConnection: keep-alive\r\nCache-Control: no-store\r\nX-Request-Id: 7f3a2b1c\r\n\r\n"
)

func BenchmarkRequest_Parse(b *testing.B) {
	for name, head := range map[string]string{"curl": curlHead, "browser": browserHead} {
		b.Run(name, func(b *testing.B) {
			var r Request
			buf := []byte(head)
			b.SetBytes(int64(len(buf)))
			b.ReportAllocs()
			for b.Loop() {
				r.Reset()
				if n, err := r.Parse(buf); n == 0 || err != nil {
					b.Fatal(n, err)
				}
			}
		})
	}
}

func BenchmarkRequest_AppendHead(b *testing.B) {
	for name, head := range map[string]string{"curl": curlHead, "browser": browserHead} {
		b.Run(name, func(b *testing.B) {
			r := parseRequest(b, head)
			dst := make([]byte, 0, 4096)
			b.ReportAllocs()
			for b.Loop() {
				dst = r.AppendHead(dst[:0], RequestOut{Body: r.Body})
				dst = AppendField(dst, "X-Forwarded-For", "192.0.2.1")
				dst = AppendEnd(dst)
			}
		})
	}
}

func BenchmarkResponse_Parse(b *testing.B) {
	var s Response
	buf := []byte(responseHead)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		s.Reset(MethodGet, false)
		if n, err := s.Parse(buf); n == 0 || err != nil {
			b.Fatal(n, err)
		}
	}
}

func BenchmarkResponse_AppendHead(b *testing.B) {
	s := parseResponse(b, MethodGet, false, responseHead)
	dst := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		body, last := s.Deliver(false)
		dst = AppendEnd(s.AppendHead(dst[:0], ResponseOut{Body: body, Close: last}))
	}
}

func BenchmarkDecoder(b *testing.B) {
	body := []byte(strings.Repeat("400\r\n"+strings.Repeat("x", 1024)+"\r\n", 16) + "0\r\nX-Sum: 1\r\n\r\n")
	var d Decoder
	dst := make([]byte, 0, 32<<10)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		d.Reset()
		dst = dst[:0]
		for rest := body; !d.Done(); {
			data, n, err := d.Next(rest)
			if n == 0 || err != nil {
				b.Fatal(n, err)
			}
			dst = AppendChunk(dst, data)
			rest = rest[n:]
		}
		dst = AppendLastChunk(dst, &d)
	}
}

// TestAllocations holds what the benchmarks show: nothing is allocated once the memory of a message is there.
func TestAllocations(t *testing.T) {
	request, response := []byte(browserHead), []byte(responseHead)
	chunks := []byte("5;a\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n")
	bad := []byte("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n")
	absolute := []byte("GET http://[2001:db8::1]:80/ HTTP/1.1\r\nHost: [2001:db8::1]:80\r\nConnection: x-a\r\nX-A: 1\r\nX_Forwarded_For: 1\r\n\r\n")
	var r Request
	var s Response
	var d Decoder
	dst := make([]byte, 0, 8192)
	if n := testing.AllocsPerRun(100, func() {
		for _, head := range [...][]byte{request, absolute} {
			r.Reset()
			if n, err := r.Parse(head); n == 0 || err != nil {
				t.Fatal(n, err)
			}
			dst = AppendEnd(AppendField(r.AppendHead(dst[:0], RequestOut{Body: r.Body}), "X-Forwarded-For", "192.0.2.1"))
		}
		r.Reset()
		if _, err := r.Parse(bad); err == nil {
			t.Fatal("not refused")
		}
		s.Reset(MethodGet, false)
		if n, err := s.Parse(response); n == 0 || err != nil {
			t.Fatal(n, err)
		}
		dst = AppendEnd(s.AppendHead(dst[:0], ResponseOut{Body: s.Body}))
		d.Reset()
		for rest := chunks; !d.Done(); {
			data, n, err := d.Next(rest)
			if n == 0 || err != nil {
				t.Fatal(n, err)
			}
			dst = AppendChunk(dst[:0], data)
			rest = rest[n:]
		}
		dst = AppendLastChunk(dst, &d)
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
