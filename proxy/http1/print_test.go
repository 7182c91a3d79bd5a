package http1

import (
	"strings"
	"testing"
)

func lines(l ...string) string { return strings.Join(l, "\r\n") + "\r\n\r\n" }

func printRequest(r *Request, out RequestOut) string {
	return string(AppendEnd(AppendField(r.AppendHead(nil, out), "X-Forwarded-For", "192.0.2.1")))
}

func TestRequest_AppendHead(t *testing.T) {
	const ours = "X-Forwarded-For: 192.0.2.1"
	tests := []struct {
		name, in string
		out      RequestOut
		want     string
	}{
		{
			name: "end-to-end_fields_as_they_came",
			in:   lines("GET /a?b HTTP/1.1", "host:a", "ACCEPT:  */* ", "X-Tail: a \t", "X-Empty:", "Cookie: a", "Cookie: b", "X_My.Name: c"),
			want: lines("GET /a?b HTTP/1.1", "Host: a", "ACCEPT: */*", "X-Tail: a", "X-Empty: ", "Cookie: a", "Cookie: b", "X_My.Name: c", ours),
		},
		{
			name: "fields_between_neighbours_go",
			in: lines("GET / HTTP/1.1", "Host: a", "Connection: close, TE, X-Mine", "Connection: x-too", "X-Mine: 1", "X-TOO: 1", "X-Mine-2: 1",
				"Keep-Alive: 5", "Proxy-Connection: close", "Proxy-Authorization: x", "TE: trailers", "Trailer: X", "Upgrade: h2c", "HTTP2-Settings: x"),
			want: lines("GET / HTTP/1.1", "Host: a", "X-Mine-2: 1", ours),
		},
		{
			name: "ours_stay_and_theirs_go",
			in: lines("GET / HTTP/1.1", "Host: a", "Connection: x-real-ip, X-Forwarded-For, host", "X-Forwarded-For: 6.6.6.6", "X-Real-IP: 6.6.6.6",
				"Forwarded: for=6.6.6.6", "X-Forwarded-Proto: https", "X-Forwarded-Anything: x", "Proxy: http://evil"),
			want: lines("GET / HTTP/1.1", "Host: a", ours),
		},
		{
			name: "aliases_go",
			in: lines("GET / HTTP/1.1", "Host: a", "X_Forwarded_For: 6", "X.Forwarded.For: 6", "x-forwarded_anything.at-all: 6", "X!Real'IP: 6", "Content_Length: 6",
				"Transfer.Encoding: chunked", "Proxy_Connection: x", "X_Forward: stays", "Proxy_Authorization_2: stays"),
			want: lines("GET / HTTP/1.1", "Host: a", "X_Forward: stays", "Proxy_Authorization_2: stays", ours),
		},
		{
			name: "length_is_printed_anew",
			in:   lines("POST / HTTP/1.1", "Host: a", "Content-Length: 005", "X: 1"),
			want: lines("POST / HTTP/1.1", "Host: a", "X: 1", "Content-Length: 5", ours),
		},
		{
			name: "coding_is_printed_anew",
			in:   lines("POST / HTTP/1.1", "Host: a", "Transfer-Encoding: CHUNKED", "Expect: 100-continue"),
			want: lines("POST / HTTP/1.1", "Host: a", "Transfer-Encoding: chunked", ours),
		},
		{
			name: "expectation_only_if_it_is_passed_on",
			in:   lines("POST / HTTP/1.1", "Host: a", "Content-Length: 5", "Expect: 100-Continue"),
			out:  RequestOut{Expect: true, Close: true},
			want: lines("POST / HTTP/1.1", "Host: a", "Content-Length: 5", "Expect: 100-continue", "Connection: close", ours),
		},
		{
			name: "no_expectation_of_ours",
			in:   lines("POST / HTTP/1.1", "Host: a", "Content-Length: 5"),
			out:  RequestOut{Expect: true},
			want: lines("POST / HTTP/1.1", "Host: a", "Content-Length: 5", ours),
		},
		{
			name: "websocket",
			in:   lines("GET / HTTP/1.1", "Host: a", "connection: upgrade, Keep-Alive", "upgrade: WEBSOCKET", "Sec-WebSocket-Key: k"),
			out:  RequestOut{Close: true},
			want: lines("GET / HTTP/1.1", "Host: a", "Sec-WebSocket-Key: k", "Connection: Upgrade", "Upgrade: websocket", ours),
		},
		{
			name: "absolute-form_becomes_origin-form",
			in:   lines("GET http://A/b?c HTTP/1.1", "Host: a"),
			want: lines("GET /b?c HTTP/1.1", "Host: A", ours),
		},
		{
			name: "absolute-form_without_a_path",
			in:   lines("GET http://a?c HTTP/1.1", "Host: a"),
			want: lines("GET /?c HTTP/1.1", "Host: a", ours),
		},
		{
			name: "absolute-form_of_an_asterisk",
			in:   lines("OPTIONS http://a HTTP/1.1", "Host: a"),
			want: lines("OPTIONS * HTTP/1.1", "Host: a", ours),
		},
		{
			name: "target_and_host_of_the_caller",
			in:   lines("GET /lb/a?b HTTP/1.0"),
			out:  RequestOut{Target: []byte("/a?b"), Host: []byte("pool.internal")},
			want: lines("GET /a?b HTTP/1.1", "Host: pool.internal", ours),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := parseRequest(t, tt.in)
			tt.out.Body = r.Body
			if got := printRequest(r, tt.out); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestResponse_AppendHead(t *testing.T) {
	tests := []struct {
		name, in  string
		to        Method
		webSocket bool
		http10    bool
		out       ResponseOut
		want      string
	}{
		{
			name: "end-to-end_fields_as_they_came",
			in:   lines("HTTP/1.0 404 Not  Found", "server:x", "Set-Cookie: a=1", "Set-Cookie: b=2", "Content-Length: 05", "Forwarded: x"),
			want: lines("HTTP/1.1 404 Not  Found", "server: x", "Set-Cookie: a=1", "Set-Cookie: b=2", "Forwarded: x", "Content-Length: 5"),
		},
		{
			name: "fields_between_neighbours_go",
			in: lines("HTTP/1.1 200 OK", "Connection: close, X-Mine", "X-Mine: 1", "Keep-Alive: 5", "Proxy-Authenticate: x", "Upgrade: h2c", "TE: x",
				"Trailer: X", "Transfer-Encoding: chunked", "Transfer_Encoding: x", "X-Ballast-Error: no-backend", "X_Ballast_Error: x"),
			want: lines("HTTP/1.1 200 OK", "Transfer-Encoding: chunked"),
		},
		{
			name: "no_reason", in: lines("HTTP/1.1 200", "Content-Length: 0"),
			want: lines("HTTP/1.1 200 ", "Content-Length: 0"),
		},
		{
			name: "close", in: lines("HTTP/1.1 200 OK"), out: ResponseOut{Close: true, KeepAlive: true},
			want: lines("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "Connection: close"),
		},
		{
			name: "keep-alive", in: lines("HTTP/1.1 200 OK", "Content-Length: 1"), http10: true, out: ResponseOut{KeepAlive: true},
			want: lines("HTTP/1.1 200 OK", "Content-Length: 1", "Connection: keep-alive"),
		},
		{
			name: "http10_knows_no_chunks", in: lines("HTTP/1.1 200 OK", "Transfer-Encoding: chunked"), http10: true, out: ResponseOut{Close: true},
			want: lines("HTTP/1.1 200 OK", "Connection: close"),
		},
		{
			name: "head_keeps_its_length", in: lines("HTTP/1.1 200 OK", "Content-Length: 5"), to: MethodHead,
			want: lines("HTTP/1.1 200 OK", "Content-Length: 5"),
		},
		{
			name: "204_has_none", in: lines("HTTP/1.1 204 No Content", "Content-Length: 0"),
			want: lines("HTTP/1.1 204 No Content"),
		},
		{
			name: "103_says_nothing_of_the_connection", in: lines("HTTP/1.1 103 Early Hints", "Link: x", "Connection: close"), out: ResponseOut{Close: true},
			want: lines("HTTP/1.1 103 Early Hints", "Link: x"),
		},
		{
			name: "101_without_what_is_not_its_own", webSocket: true, out: ResponseOut{Close: true},
			in:   lines("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade, X", "X: 1", "Keep-Alive: 5", "Sec-WebSocket-Accept: k"),
			want: lines("HTTP/1.1 101 Switching Protocols", "Sec-WebSocket-Accept: k", "Connection: Upgrade", "Upgrade: websocket"),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := parseResponse(t, tt.to, tt.webSocket, tt.in)
			tt.out.Body, _ = s.Deliver(tt.http10)
			if got := string(AppendEnd(s.AppendHead(nil, tt.out))); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestAppendField(t *testing.T) {
	got := string(AppendField(nil, "X-Forwarded-Host", []byte("a\r\nX: b\x00\x7f\tc")))
	if want := "X-Forwarded-Host: a  X: b  \tc\r\n"; got != want {
		t.Errorf("AppendField() = %q, want %q", got, want)
	}
}
