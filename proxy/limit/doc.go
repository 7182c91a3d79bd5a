// Package limit says whether a client may send one more request: a token bucket per client, in memory
// that is allocated once and never grows.
//
// # The algorithm
//
// Buckets are kept as GCRA, the generic cell rate algorithm, in its form "virtual scheduling" (ITU-T
// I.371, annex A; ATM Forum UNI 3.1, 3.6.2.4.1). One number is a whole bucket: the theoretical arrival
// time, at which the bucket is full again. A request that comes no earlier than that, less the time that
// a burst may run ahead, passes and moves it on by the interval between two requests. No timer fills
// anything up, and a bucket that is full is the same as none.
//
// # The memory
//
// 8,192 sets of 7 entries, 1 MiB, hold 57,344 clients in debt, each with its exact key: two clients are
// never mistaken for one another. A hash with a random seed chooses the set, so nobody can aim at one.
// A new client takes the entry whose bucket is fullest. Mostly it is full, and nothing is forgotten: at
// 100/s a client is in debt for 10 ms after a request. If all seven are in debt, the smallest of the
// debts is forgotten.
//
// What an attacker gains: at most that debts of a set that holds more than seven of his addresses in debt at the
// same time are forgotten, the smallest first, so that the least busy two of them can take turns without limit. With
// fewer than some ten thousand addresses there is hardly such a set. Who has them may send ten thousand times the
// rate as it is: a limit per client is no defence against him, here or with any memory. He can't make anybody else
// be limited.
package limit
