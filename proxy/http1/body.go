package http1

// BodyKind says how the end of a body is found (RFC 9112 6.3).
type BodyKind uint8

// The kinds of bodies.
const (
	BodyNone       BodyKind = iota // There is none.
	BodyLength                     // It has as many bytes as announced, which may be none.
	BodyChunked                    // It says so itself: see Decoder.
	BodyUntilClose                 // The connection ends with it. Responses only.
	BodyTunnel                     // There are no messages any more, only bytes, both ways. Responses only.
)

// Body is how a body is framed. Length is 0 unless Kind is BodyLength.
type Body struct {
	Kind   BodyKind
	Length int64
}

// Empty says that not one byte follows the head.
func (b Body) Empty() bool { return b.Kind == BodyNone || b.Kind == BodyLength && b.Length == 0 }
