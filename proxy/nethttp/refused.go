package nethttp

import (
	"crypto/tls"
	"errors"
	"net"
	"reflect"
	"strings"
)

// noApplicationProtocol is the alert of a server that speaks none of the protocols that it is offered (RFC 7301 3.2).
const noApplicationProtocol = tls.AlertError(120)

// refusesHTTP1 says that a handshake that offered nothing but HTTP/1.1 failed for that. The type of an alert is not exported
// for TLS over TCP, but its text is that of the one that is.
func refusesHTTP1(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "remote error" && op.Err.Error() == noApplicationProtocol.Error()
}

// tooLong says that the transport has sent nothing of a request, because its fields are longer than what the backend
// takes by HTTP/2 (SETTINGS_MAX_HEADER_LIST_SIZE, RFC 9113 6.5.2), which only the transport knows. As of Go 1.27 its
// error has neither a type nor a name, but it has had this text since HTTP/2 came to net/http; a test tells of another.
func tooLong(err error) bool {
	return strings.HasSuffix(err.Error(), "request header list larger than peer's advertised limit")
}

// What HTTP/2 calls a request that is wrong, longer than what is taken, or one too many (RFC 9113 7).
const (
	protocolError    = 0x1
	compressionError = 0x9
	enhanceYourCalm  = 0xb
)

// refused2 says that a backend ended a connection of HTTP/2 for what it was sent by it. All streams of that connection fail
// then, so that one request would count as often as others were served beside it. Fields that are too long lead to it as well:
// how long they may be is not known of a connection on which nothing has come yet. As of Go 1.27 the error's type is
// http2.GoAwayError of a package that is internal to net/http, and so can only be looked at by reflection.
func refused2(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		v := reflect.ValueOf(err)
		if t := v.Type(); t.Kind() != reflect.Struct || !strings.HasPrefix(t.PkgPath(), "net/http") || !strings.HasSuffix(t.Name(), "GoAwayError") {
			continue
		}
		if code := v.FieldByName("ErrCode"); code.IsValid() && code.CanUint() {
			switch code.Uint() {
			case protocolError, compressionError, enhanceYourCalm:
				return true
			}
		}
	}
	return false
}
