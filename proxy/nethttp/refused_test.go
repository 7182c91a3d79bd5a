package nethttp

import (
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/ballast-lb/ballast/proxy"
)

// That we have no descriptor left, which clients can bring about, is no backend's fault.
func TestExchange_classify_blames_no_backend_for_our_own_limits(t *testing.T) {
	for errno, want := range map[syscall.Errno]proxy.Cause{
		syscall.EMFILE: proxy.CauseOverloaded, syscall.EADDRNOTAVAIL: proxy.CauseOverloaded, syscall.ECONNREFUSED: proxy.CauseConnectFailed,
	} {
		err := &dialError{&net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("socket", errno)}}
		if got := (&exchange{}).classify(t.Context(), err); got != want {
			t.Errorf("classify(%v) = %s, want %s", err, got, want)
		}
	}
}
