package http1

import "testing"

func parseResponse(tb testing.TB, to Method, webSocket bool, head string) *Response {
	tb.Helper()
	s := &Response{}
	s.Reset(to, webSocket)
	if n, err := s.Parse([]byte(head)); err != nil || n != len(head) {
		tb.Fatalf("Parse(%q) = %d, %v, want %d", head, n, err, len(head))
	}
	return s
}

func TestResponse_Parse_meaning(t *testing.T) {
	none, chunked, untilClose := Body{}, Body{Kind: BodyChunked}, Body{Kind: BodyUntilClose}
	five := Body{BodyLength, 5}
	tests := []struct {
		name, head            string
		to                    Method
		status                int
		reason                string
		body, announced       Body
		keepAlive, interim    bool
		for10, for11          Body
		lastFor10, lastFor11  bool
		isHTTP10, isWebSocket bool
	}{
		{
			name: "length", head: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
			status: 200, reason: "OK", body: five, announced: five, keepAlive: true, for10: five, for11: five,
		},
		{
			name: "chunks", head: "HTTP/1.1 200 All is  well \r\nTransfer-Encoding: chunked\r\n\r\n",
			status: 200, reason: "All is  well ", body: chunked, announced: chunked, keepAlive: true,
			for10: untilClose, lastFor10: true, for11: chunked,
		},
		{
			name: "until_close", head: "HTTP/1.1 500 \r\nConnection: keep-alive\r\n\r\n",
			status: 500, body: untilClose, for10: untilClose, lastFor10: true, for11: chunked,
		},
		{
			name: "close", head: "HTTP/1.1 200\r\nConnection: close\r\nContent-Length: 5\r\n\r\n",
			status: 200, body: five, announced: five, for10: five, for11: five,
		},
		{
			name: "204_with_a_length", head: "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
			status: 204, reason: "No Content",
		},
		{
			name: "http10", head: "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n",
			status: 200, reason: "OK", body: five, announced: five, for10: five, for11: five, isHTTP10: true,
		},
		{
			name: "http10_keep-alive", head: "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\n",
			status: 200, reason: "OK", body: five, announced: five, keepAlive: true, for10: five, for11: five, isHTTP10: true,
		},
		{
			name: "head_announces", head: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", to: MethodHead,
			status: 200, reason: "OK", body: none, announced: five, keepAlive: true, for10: five, for11: five,
		},
		{
			name: "head_announces_chunks", head: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", to: MethodHead,
			status: 200, reason: "OK", body: none, announced: chunked, keepAlive: true, for10: none, for11: chunked,
		},
		{
			name: "304_announces", head: "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
			status: 304, reason: "Not Modified", body: none, announced: five, keepAlive: true, for10: five, for11: five,
		},
		{
			name: "204_announces_nothing", head: "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
			status: 204, reason: "No Content", keepAlive: true,
		},
		{
			name: "103_is_followed", head: "HTTP/1.1 103 Early Hints\r\n\r\n",
			status: 103, reason: "Early Hints", keepAlive: true, interim: true,
		},
		{
			name: "101_is_the_last", head: "HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
			status: 101, reason: "X", body: Body{Kind: BodyTunnel}, for10: Body{Kind: BodyTunnel}, for11: Body{Kind: BodyTunnel},
			lastFor10: true, lastFor11: true, isWebSocket: true,
		},
	}
	type meaning struct {
		status                        int
		reason                        string
		body, announced, for10, for11 Body
		bools                         [5]bool
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := parseResponse(t, tt.to, tt.isWebSocket, tt.head)
			for10, last10 := s.Deliver(true)
			for11, last11 := s.Deliver(false)
			got := meaning{
				s.Status, string(s.Reason()), s.Body, s.Announced, for10, for11,
				[5]bool{s.KeepAlive, s.Interim(), last10, last11, s.HTTP10},
			}
			want := meaning{
				tt.status, tt.reason, tt.body, tt.announced, tt.for10, tt.for11,
				[5]bool{tt.keepAlive, tt.interim, tt.lastFor10, tt.lastFor11, tt.isHTTP10},
			}
			if got != want {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}
