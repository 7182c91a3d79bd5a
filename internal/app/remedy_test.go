package app

import (
	"strings"
	"testing"

	"github.com/ballast-lb/ballast/proxy/http1/front"
)

// An address of a network for documentation (RFC 5737) is no machine's.
func TestListenRemedy_names_the_port_that_was_asked_for(t *testing.T) {
	_, err := front.Listen(t.Context(), "192.0.2.1:8443")
	if err == nil {
		t.Fatal("listening on 192.0.2.1 succeeded")
	}
	if got := listenRemedy(err); !strings.Contains(got, "all of them (:8443),") {
		t.Errorf("listenRemedy(%v) = %q, want it to name :8443", err, got)
	}
}
