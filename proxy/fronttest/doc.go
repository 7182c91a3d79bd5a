// Package fronttest is the black-box suite of the fronts: what clients and backends may rely on, whichever
// front is between them, written down as tests by bytes. Each front passes it from a test of its own folder,
// where what only that front can answer is tested as well, with the sites, clients and backends of this package.
package fronttest
