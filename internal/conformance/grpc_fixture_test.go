package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy/fronttest"
)

// rpc is a gRPC server behind a front, and a client before it.
type rpc struct {
	site   *fronttest.Site
	server *grpc.Server
	health *health.Server
	conn   *grpc.ClientConn
	check  grpc_health_v1.HealthClient
	// ended are the contexts of calls to any method but those of the health service, when they are over.
	ended    chan error
	listener *resetting
}

// resetting is a listener that can break all that it accepted, as a container's end does.
type resetting struct {
	net.Listener
	mu    sync.Mutex
	conns []net.Conn // Guarded by mu.
}

func (l *resetting) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.conns = append(l.conns, conn)
	}
	return conn, err
}

func (l *resetting) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range l.conns {
		_ = conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	}
}

func startRPC(t *testing.T, secure bool) *rpc {
	t.Helper()
	c := &rpc{health: health.NewServer(), ended: make(chan error, 1000)}
	options := []grpc.ServerOption{grpc.UnknownServiceHandler(c.any)}
	scheme, mine := containers.SchemeH2C, insecure.NewCredentials()
	if secure {
		scheme = containers.SchemeHTTPS
		options = append(options, grpc.Creds(credentials.NewTLS(fronttest.Certificate(t))))
		mine = credentials.NewTLS(trusting())
	}
	c.server = grpc.NewServer(options...)
	grpc_health_v1.RegisterHealthServer(c.server, c.health)
	c.health.SetServingStatus("it", grpc_health_v1.HealthCheckResponse_SERVING)
	listener := fronttest.Listen(t)
	c.listener = &resetting{Listener: listener}
	served := make(chan error, 1)
	go func() { served <- c.server.Serve(c.listener) }()
	t.Cleanup(func() {
		c.server.Stop()
		<-served
	})
	c.site = fronttest.NewSite(t, overHTTP2(secure), fronttest.Settings(), fronttest.Options{})
	backend := fronttest.Spec("a", listener.Addr().String())
	backend.Scheme = scheme
	c.site.Backends = append(c.site.Backends, backend)
	c.site.Apply()
	conn, err := grpc.NewClient(c.site.Address, grpc.WithTransportCredentials(mine))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	c.conn, c.check = conn, grpc_health_v1.NewHealthClient(conn)
	return c
}

// any serves calls to any method: it says back each message that it hears, after the metadata that it was sent as x-say,
// and ends as x-code and x-message tell it to.
func (c *rpc) any(_ any, stream grpc.ServerStream) error {
	ctx := stream.Context()
	sent, _ := metadata.FromIncomingContext(ctx)
	defer func() { c.ended <- ctx.Err() }()
	if said := sent["x-say"]; len(said) > 0 {
		_ = stream.SetHeader(metadata.MD{"x-heard": said, "x-heard-bin": sent["x-say-bin"]})
		stream.SetTrailer(metadata.MD{"x-last": said, "x-last-bin": sent["x-say-bin"]})
	}
	if _, ok := ctx.Deadline(); ok {
		stream.SetTrailer(metadata.Pairs("x-deadline", "1"))
	}
	for {
		message := new(grpc_health_v1.HealthCheckRequest)
		switch err := stream.RecvMsg(message); {
		case errors.Is(err, io.EOF):
			if code := sent.Get("x-code"); len(code) > 0 {
				var n codes.Code
				_, _ = fmt.Sscan(code[0], (*uint32)(&n))
				return status.Error(n, odd)
			}
			return nil
		case err != nil:
			return err
		}
		if err := stream.SendMsg(message); err != nil {
			return err
		}
	}
}

// odd is what a status may say.
const odd = "100 % über\r\nzwei: \"Zeilen\""

var both = &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}

// open begins a call to no method in particular.
func (c *rpc) open(t *testing.T, ctx context.Context) grpc.ClientStream {
	t.Helper()
	stream, err := c.conn.NewStream(ctx, both, "/any.Service/Method")
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

// say sends a message and hears it back.
func say(stream grpc.ClientStream, text string) error {
	if err := stream.SendMsg(&grpc_health_v1.HealthCheckRequest{Service: text}); err != nil {
		return err
	}
	back := new(grpc_health_v1.HealthCheckRequest)
	if err := stream.RecvMsg(back); err != nil {
		return err
	}
	if back.GetService() != text {
		return fmt.Errorf("%d bytes came back, want %d", len(back.GetService()), len(text))
	}
	return nil
}

// end ends a stream, and returns what the server ended it with.
func end(stream grpc.ClientStream) error {
	if err := stream.CloseSend(); err != nil {
		return err
	}
	return stream.RecvMsg(new(grpc_health_v1.HealthCheckRequest))
}
