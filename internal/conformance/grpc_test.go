package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/ballast-lb/ballast/proxy/fronttest"
)

// TestGRPC: gRPC's own client and server at both ends, over TLS and without.
func TestGRPC(t *testing.T) {
	tests := []struct {
		name string
		run  func(*testing.T, *rpc)
	}{
		{"a check is answered", testCheck},
		{"a watch goes on", testWatch},
		{"codes and messages arrive", testCodes},
		{"metadata arrive, both ways", testMetadata},
		{"deadlines are known to the server", testDeadline},
		{"a call that is cancelled ends at the server", testCancel},
		{"large messages pass", testLargeRPC},
		{"1,000 calls", testManyCalls},
		{"100 streams at once", testManyStreams},
		{"no backend is unavailable", testUnavailable},
		{"a backend that dies breaks a stream", testDies},
	}
	for name, secure := range map[string]bool{"https": true, "h2c": false} {
		for _, tt := range tests {
			t.Run(name+"/"+tt.name, func(t *testing.T) { tt.run(t, startRPC(t, secure)) })
		}
	}
}

func testCheck(t *testing.T, c *rpc) {
	answer, err := c.check.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: "it"})
	if err != nil || answer.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Errorf("Check() = %v, %v, want SERVING", answer, err)
	}
	_, err = c.check.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: "none"})
	if s := status.Convert(err); s.Code() != codes.NotFound || s.Message() != "unknown service" {
		t.Errorf("Check() of an unknown service = %v, want NotFound", err)
	}
	c.site.WantCounts(2, 0, 0)
}

func testWatch(t *testing.T, c *rpc) {
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := c.check.Watch(ctx, &grpc_health_v1.HealthCheckRequest{Service: "it"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		want := grpc_health_v1.HealthCheckResponse_ServingStatus(i%2 + 1)
		c.health.SetServingStatus("it", want)
		answer, err := stream.Recv()
		if err != nil || answer.GetStatus() != want {
			t.Fatalf("event %d is %v, %v, want %v", i, answer, err, want)
		}
	}
	cancel()
	if _, err := stream.Recv(); status.Code(err) != codes.Canceled {
		t.Errorf("then %v, want Canceled", err)
	}
	c.site.WantCounts(1, 0, 0)
}

func testCodes(t *testing.T, c *rpc) {
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		for _, messages := range []int{0, 2} {
			stream := c.open(t, metadata.AppendToOutgoingContext(t.Context(), "x-code", fmt.Sprint(uint32(code))))
			for range messages {
				if err := say(stream, "hello"); err != nil {
					t.Fatal(err)
				}
			}
			if got := status.Convert(end(stream)); got.Code() != code || got.Message() != odd {
				t.Errorf("after %d messages: %v %q, want %v %q", messages, got.Code(), got.Message(), code, odd)
			}
		}
	}
	c.site.WantCounts(32, 0, 0)
}

func testMetadata(t *testing.T, c *rpc) {
	said, binary := []string{"one", "two, three"}, []string{"\x00\xff\n", ""}
	ctx := metadata.NewOutgoingContext(t.Context(), metadata.MD{"x-say": said, "x-say-bin": binary})
	stream := c.open(t, ctx)
	if err := say(stream, "hello"); err != nil {
		t.Fatal(err)
	}
	header, err := stream.Header()
	if err != nil || !slices.Equal(header["x-heard"], said) || !slices.Equal(header["x-heard-bin"], binary) {
		t.Errorf("header %v, %v, want what was said", header, err)
	}
	if err := end(stream); !errors.Is(err, io.EOF) {
		t.Errorf("the call ends with %v", err)
	}
	want := metadata.MD{"x-last": said, "x-last-bin": binary}
	if diff := cmp.Diff(want, stream.Trailer()); diff != "" {
		t.Errorf("trailers (-want +got):\n%s", diff)
	}
}

func testDeadline(t *testing.T, c *rpc) {
	ctx, cancel := context.WithTimeout(t.Context(), fronttest.Patience)
	defer cancel()
	stream := c.open(t, ctx)
	if err := end(stream); !errors.Is(err, io.EOF) || len(stream.Trailer()["x-deadline"]) != 1 {
		t.Errorf("%v with trailers %v, want the server to know of the deadline", err, stream.Trailer())
	}
	<-c.ended
	// Both sides act at the deadline. Who is first decides with what the client's call ends, but not that it does.
	ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	stream = c.open(t, ctx)
	err := say(stream, "hello")
	if err == nil {
		err = stream.RecvMsg(new(grpc_health_v1.HealthCheckRequest)) // Nothing comes.
	}
	if err == nil || errors.Is(err, io.EOF) {
		t.Errorf("the call ends with %v, want an error", err)
	}
	if err := <-c.ended; err == nil {
		t.Error("the server's call ended as if it were whole")
	}
}

func testCancel(t *testing.T, c *rpc) {
	ctx, cancel := context.WithCancel(t.Context())
	stream := c.open(t, ctx)
	if err := say(stream, "hello"); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-c.ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the server's call ended with %v, want Canceled", err)
	}
	c.site.WantCounts(1, 0, 0)
}

func testLargeRPC(t *testing.T, c *rpc) {
	stream := c.open(t, t.Context())
	for _, size := range []int{0, 1, 16 << 10, 3 << 20, 10} {
		if err := say(stream, strings.Repeat("x", size)); err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
	}
	if err := end(stream); !errors.Is(err, io.EOF) {
		t.Errorf("the call ends with %v", err)
	}
	c.site.WantCounts(1, 0, 0)
}

func testManyCalls(t *testing.T, c *rpc) {
	const callers, each = 10, 100
	began := time.Now()
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for range each {
				if _, err := c.check.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: "it"}); err != nil {
					t.Errorf("Check() = %v", err)
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%d calls of %d callers took %s", callers*each, callers, time.Since(began).Round(time.Millisecond))
	c.site.WantCounts(callers*each, 0, 0)
}

func testManyStreams(t *testing.T, c *rpc) {
	const streams, each = 100, 20
	var open []grpc.ClientStream
	for range streams {
		stream := c.open(t, t.Context())
		if err := say(stream, "hello"); err != nil {
			t.Fatal(err)
		}
		open = append(open, stream)
	}
	if got := c.site.InFlight(); got != streams {
		t.Errorf("%d in flight, want %d", got, streams)
	}
	var wg sync.WaitGroup
	for n, stream := range open {
		wg.Go(func() {
			for i := range each {
				if err := say(stream, fmt.Sprint(n, i)); err != nil {
					t.Errorf("stream %d: %v", n, err)
				}
			}
			if err := end(stream); !errors.Is(err, io.EOF) {
				t.Errorf("stream %d ends with %v", n, err)
			}
		})
	}
	wg.Wait()
	c.site.WantCounts(streams, 0, 0)
}

// A client of gRPC knows nothing of our problem documents; it goes by the status.
func testUnavailable(t *testing.T, c *rpc) {
	if err := c.site.Core.Drain(t.Context(), c.site.Backends[0].Container); err != nil {
		t.Fatal(err)
	}
	_, err := c.check.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	if status.Code(err) != codes.Unavailable {
		t.Errorf("Check() = %v, want Unavailable", err)
	}
}

func testDies(t *testing.T, c *rpc) {
	stream := c.open(t, t.Context())
	if err := say(stream, "hello"); err != nil {
		t.Fatal(err)
	}
	c.listener.reset()
	err := stream.RecvMsg(new(grpc_health_v1.HealthCheckRequest))
	if err == nil || errors.Is(err, io.EOF) {
		t.Errorf("the call ends with %v, want an error", err)
	}
	c.site.WantCounts(1, 1, 1)
}
