package fronttest

import (
	"net/http"
	"testing"
)

// HTTP2 runs the suite for clients that speak HTTP/2. What h starts speaks TLS, and offers h2; backends speak
// HTTP/1.1, so that what they get shows what was made of a request. Every test has a front of its own.
func HTTP2(t *testing.T, h Harness) {
	h.http2 = true
	for _, group := range [][]test{shared2, fieldTests2, targetTests2, bodyTests2, stallTests2, answerTests2, leaveTests2, loadTests2} {
		for _, test := range group {
			t.Run(test.name, func(t *testing.T) { test.run(t, h) })
		}
	}
}

// shared2 are tests that don't care what their client speaks.
var shared2 = []test{
	{"gives answers of its own", testOwnAnswers},
	{"passes answers on as they are", testAnswers},
	{"counts a bad answer as one failure", testBadAnswers},
	{"breaks off a long answer that breaks off", testLongTruncated},
	{"brings clients back to their backend", testAffinity},
	{"brings clients back to a backend that was busy", testAffinityBusy},
	{"sends to another backend what could not be sent", testRetry},
	{"tries no more than it may", testRetries},
	{"goes past backends that can't be connected to", testRefused},
	{"never sends twice what may have arrived", testNeverTwice},
	{"repeats on a kept connection only what may be repeated", testRepeats},
	{"repeats on one kept connection at most", testRepeatsOnce},
	{"loses no POST at the idle timeout of a backend", testIdleTimeout},
	{"keeps no connection for another identity", testIdentity},
	{"times out", testTimeout},
	{"passes long bodies on unchanged", testLongBodies},
	{"passes events on at once", testEvents},
	{"waits for a slow answer after a body", testSlowAnswer},
	{"holds requests until the first backend comes", testHoldScale},
	{"says at once when none will come", testNotComing},
	{"gives browsers a page to wait at", testWaitPage},
}

// client2 is Client for HTTP/2 and nothing else.
func client2(t testing.TB) *http.Client {
	c := Client(t)
	transport := c.Transport.(*http.Transport)
	transport.Protocols = new(http.Protocols)
	transport.Protocols.SetHTTP2(true)
	transport.TLSClientConfig = insecure()
	return c
}
