package http1

// Error says why a message is refused. They are all made here: compare them by identity or by slug.
type Error struct {
	// Status is what the client is answered with before its connection is closed. What a backend
	// sent is answered with 502, whatever this says.
	Status int
	// Slug is for programs, and stays the same between versions.
	Slug string
	// RFC is the section that the message did not keep, or that says it may be refused.
	RFC string
	// Reason is for people. It is constant: nothing of the message is in it.
	Reason string
}

// Error implements error.
func (e *Error) Error() string { return e.Reason + " (" + e.RFC + ")" }

// What a request line or a status line is refused for.
var (
	ErrEmptyLine          = &Error{400, "empty-line", "RFC 9112 2.2", "several empty lines before the request"}
	ErrRequestLine        = &Error{400, "request-line", "RFC 9112 3", "request line is not method, target and version with one space between"}
	ErrMethod             = &Error{400, "method", "RFC 9110 9.1", "method is not a token"}
	ErrMethodUnknown      = &Error{501, "method-unknown", "RFC 9110 9.1", "method is too long or not in capitals"}
	ErrTarget             = &Error{400, "target", "RFC 9112 3.2", "target has a byte that may not stand in a URI"}
	ErrTargetForm         = &Error{400, "target-form", "RFC 9112 3.2", "target has a form that is not for this method"}
	ErrTargetTooLong      = &Error{414, "target-too-long", "RFC 9112 3", "request line is too long"}
	ErrEscape             = &Error{400, "escape", "RFC 3986 2.1", "path has a broken escape, or the escape of a NUL"}
	ErrAuthority          = &Error{400, "authority", "RFC 9110 4.2", "target has no valid host in it"}
	ErrVersion            = &Error{400, "version", "RFC 9112 2.3", "version is missing or malformed"}
	ErrVersionUnsupported = &Error{505, "version-unsupported", "RFC 9110 15.6.6", "version is neither 1.0 nor 1.1"}
	ErrHTTP2              = &Error{505, "http2-preface", "RFC 9113 3.4", "connection begins as HTTP/2"}
	ErrStatusLine         = &Error{502, "status-line", "RFC 9112 4", "status line is not version, status and reason with one space between"}
	ErrStatus             = &Error{502, "status", "RFC 9110 15", "status is not within 100 and 599"}
)

// What lines and fields are refused for.
var (
	ErrBareLF           = &Error{400, "bare-lf", "RFC 9112 2.2", "line ends without a carriage return"}
	ErrBareCR           = &Error{400, "bare-cr", "RFC 9112 2.2", "carriage return without a line feed"}
	ErrLeadingSpace     = &Error{400, "leading-space", "RFC 9112 2.2", "space before the first field"}
	ErrFold             = &Error{400, "fold", "RFC 9112 5.2", "field is folded over several lines"}
	ErrSpaceBeforeColon = &Error{400, "space-before-colon", "RFC 9112 5.1", "space between a field's name and its colon"}
	ErrFieldName        = &Error{400, "field-name", "RFC 9110 5.1", "field name is not a token"}
	ErrFieldValue       = &Error{400, "field-value", "RFC 9110 5.5", "field value has a control character in it"}
	ErrTooManyFields    = &Error{431, "too-many-fields", "RFC 6585 5", "too many fields"}
	ErrHeadTooLarge     = &Error{431, "head-too-large", "RFC 6585 5", "head is too large"}
)

// What fields are refused for by their meaning.
var (
	ErrNoHost          = &Error{400, "no-host", "RFC 9112 3.2", "no Host"}
	ErrSeveralHosts    = &Error{400, "several-hosts", "RFC 9112 3.2", "more than one Host"}
	ErrHost            = &Error{400, "host", "RFC 9112 3.2", "Host is not a host with an optional port"}
	ErrHostMismatch    = &Error{400, "host-mismatch", "RFC 9112 3.2.2", "Host is not that of the target"}
	ErrLength          = &Error{400, "length", "RFC 9110 8.6", "Content-Length is not a number, or too large"}
	ErrSeveralLengths  = &Error{400, "several-lengths", "RFC 9112 6.3", "more than one Content-Length"}
	ErrLengthAndCoding = &Error{400, "length-and-coding", "RFC 9112 6.3", "both Content-Length and Transfer-Encoding"}
	ErrCoding          = &Error{400, "coding", "RFC 9112 6.3", "Transfer-Encoding is malformed or does not end with chunked"}
	ErrCodingUnknown   = &Error{501, "coding-unknown", "RFC 9112 6.1", "Transfer-Encoding is other than chunked"}
	ErrCodingVersion   = &Error{400, "coding-version", "RFC 9112 6.1", "Transfer-Encoding in HTTP/1.0"}
	ErrConnection      = &Error{400, "connection", "RFC 9110 7.6.1", "Connection is not a short list of tokens"}
	ErrExpect          = &Error{417, "expect", "RFC 9110 10.1.1", "Expect is other than 100-continue"}
	ErrTrailerName     = &Error{400, "trailer-name", "RFC 9110 6.5.1", "Trailer announces a field that frames the message"}
	ErrBodiless        = &Error{502, "bodiless", "RFC 9112 6.1", "a body is announced where there can't be one"}
	ErrUpgrade         = &Error{502, "upgrade", "RFC 9110 7.8", "switch to a protocol that was not asked for"}
)

// What chunked bodies are refused for.
var (
	ErrChunkSize       = &Error{400, "chunk-size", "RFC 9112 7.1", "chunk size is malformed or too large"}
	ErrChunkEnd        = &Error{400, "chunk-end", "RFC 9112 7.1", "chunk is longer than its size"}
	ErrChunkExtension  = &Error{400, "chunk-extension", "RFC 9112 7.1.1", "chunk extension is malformed, or there are too many"}
	ErrTrailerTooLarge = &Error{431, "trailer-too-large", "RFC 9112 7.1.2", "trailers are too large"}
)
