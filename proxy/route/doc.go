// Package route finds what serves a request by its host and the beginning of its path.
//
// A Table is built whole from a set of rules and never changes, so whoever shares one needs no more than an
// atomic pointer to it. Its values are the caller's; the table does not look at them.
//
// # Precedence
//
// Hosts come first: the rules of the exact host are tried, then those of the wildcards it is under, the longest
// before the shorter, then those for any host. Among the rules of one host the one with the longest path wins,
// counted in segments: /api is for /api, /api/ and /api/x, and not for /apix. Where no path of a host fits, the next
// host is tried, so rules are independent of each other: one for shop.example and /api takes nothing else from
// *.example.
//
// # What is compared
//
// Hosts are compared without capitals, port and trailing dot. An IPv6 address is compared as text, in the form of RFC
// 5952.
//
// Paths are compared byte for byte as the request has them: /%61pi is not /api, nor is //api, and /api/../admin
// belongs to /api. For what these mean is for those to say who serve them. So a path says who serves a
// request, and never who may ask for it.
package route
