package http1

const (
	// MaxHead is the length of the longest head, with its lines' ends and the empty line. A buffer of
	// this size holds any message's head.
	MaxHead = 64 << 10
	// MaxLine is the length of the longest request line. RFC 9112 3 asks for 8,000 at least.
	MaxLine = 16 << 10
	// MaxFields is how many fields a head or a trailer may have.
	MaxFields = 100
	// MaxTrailer is the length of the longest trailer section; a buffer must hold it whole.
	MaxTrailer = 8 << 10

	maxMethod  = 32  // The longest one registered has 17 letters.
	maxHost    = 261 // A name of DNS, a colon and a port.
	maxOptions = 16  // Connection options; each is compared with each field's name.
)
