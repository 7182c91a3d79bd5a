// Package http1 reads and prints HTTP/1.1 messages (RFC 9112, RFC 9110) for a proxy that must never
// read one in another way than the server behind it. It does no I/O: whoever drives it owns the
// connections and the buffers, and gives it bytes as they come.
//
// Request and Response read heads, Decoder reads chunked bodies, and their Append methods print what is
// sent on. Nothing is copied and nothing is allocated per message: what is read is kept as offsets into
// the caller's buffer, so it is good for as long as the bytes stay as they were.
//
// Whatever two servers might read in two ways is refused with an *Error, which has a status, a slug
// and the section of the RFC that is not kept. Where the RFC leaves a choice, the choice is:
//
//   - Lines end with CRLF. One empty line before a request is skipped, a second is refused.
//   - Methods are in capitals, for servers disagree on what "head" is. Targets are visible ASCII without
//     "#"; a path has no backslash, no broken escape and no %00 in it. A query is anyone's text.
//   - Host is one name, IPv4 address or bracketed IPv6 address with an optional port; letters, digits and
//     "-._~" only. The authority of a target in absolute-form must be the same.
//   - More than one Content-Length is refused, also when they are equal, and Transfer-Encoding is "chunked"
//     and nothing else, never with a Content-Length and never in HTTP/1.0.
//   - A field that is printed anew (framing, Connection, Upgrade, X-Forwarded-…) is never passed on as it came,
//     nor is any name that a server may take for one of those (X_Forwarded_For, Content.Length).
//   - Chunk extensions are dropped, and so are trailers that frame, route or authenticate.
//   - A reason phrase and the space before it may be missing in a response.
package http1
