// Command differential sends the cases of proxy/http1/testdata to Ballast's HTTP/1.1 front and to nginx and
// HAProxy where they are installed, byte for byte, in front of backends that record what reaches them. It
// prints where the servers differ and why, and what reached a backend that two readers read in two ways. Its exit
// status is 1 if a difference has no explanation, or if Ballast does anything but what the corpus says.
package main
