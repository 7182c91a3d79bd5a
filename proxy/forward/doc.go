// Package forward is about what proxies tell each other of a request: where it came from
// (X-Forwarded-For and its kin, and Forwarded, RFC 7239), what it is called (request IDs), and whom it
// has passed (CDN-Loop, RFC 8586).
//
// All of it is text that anybody can send. So a field is believed as far as those who wrote it are
// trusted: each proxy adds its element at the right, and reading from there ends at the first that
// somebody wrote who is not. What can't be read ends it too, and nothing to the left of it counts.
//
// Functions take field values as strings or bytes, as a front has them: lines are the values of all fields
// of one name, in their order. They keep none of it. What they append is fit to be a field value if what it was
// made of is or not: it is printable ASCII and tabs, of at most 32 elements and 1 KiB, the leftmost dropped.
package forward
