// Package proxy is the core of the data path: it keeps the pools and their backends, picks a backend
// for each request, and counts. It speaks no protocol. A front does that, and drives the core: it
// begins an Exchange for each request, asks it for a backend, and ends it with what came of it.
//
// Readers take no lock. Whatever a request needs of a pool is in its view, which is immutable and
// replaced whole; Apply, SetHealth, Drain and Undrain are what replaces it.
package proxy
