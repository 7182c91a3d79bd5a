package front

import (
	"net"
	"testing"
)

// One direction that begins a limit of its own just when the other has found that the tunnel is cut must not outlast it.
func TestClient_limit_does_not_outlast_a_cut(t *testing.T) {
	conn, peer := net.Pipe()
	defer peer.Close()
	defer conn.Close()
	c := &client{f: &Front{}, conn: conn}
	c.enter(phaseTunnel)
	if !c.limit(conn) {
		t.Error("a tunnel that goes on is taken for cut")
	}
	c.cutNow()
	if c.writeDown([]byte("x")) || c.reason != reasonShutdown {
		t.Errorf("a tunnel that is cut goes on, or for reason %d", c.reason)
	}
	c.cutTunnel(nil)
	if c.limit(conn) {
		t.Error("a tunnel that is cut is taken for one that goes on")
	}
}
