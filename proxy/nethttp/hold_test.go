package nethttp_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/fronttest"
	"github.com/ballast-lb/ballast/proxy/nethttp"
)

// startHTTP2 starts fronts for who speaks HTTP/2 without TLS.
func startHTTP2(t testing.TB, core *proxy.Core, o fronttest.Options) fronttest.Front {
	f := nethttp.New(core, nethttp.Options{Logger: zerolog.Nop(), BodyIdle: o.BodyIdle})
	server := f.Server(f.Handler("default", "/lb"))
	server.Protocols = new(http.Protocols)
	server.Protocols.SetUnencryptedHTTP2(true)
	listener := fronttest.Listen(t)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Close()
		<-served
	})
	return fronttest.Front{Address: listener.Addr().String(), InFlight: f.InFlight, Drain: f.Drain}
}

// While a request is held nobody reads its body: that it stands still is not the client's doing.
func TestFront_holds_a_body_for_longer_than_one_may_stand_still(t *testing.T) {
	const pause = 50 * time.Millisecond
	arrived, open := make(chan struct{}, 2), make(chan struct{})
	conf := fronttest.Settings()
	conf.Concurrency, conf.Queue = 1, containers.Queue{Size: 1, Timeout: fronttest.Patience}
	s := fronttest.NewSite(t, fronttest.Harness{Start: startHTTP2}, conf, fronttest.Options{BodyIdle: pause},
		fronttest.Serve(t, func(w http.ResponseWriter, r *http.Request) {
			arrived <- struct{}{}
			<-open
			n, _ := io.Copy(io.Discard, r.Body)
			fmt.Fprint(w, n)
		}))
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	answers := make(chan fronttest.Answer, 2)
	post := func(body io.Reader) {
		answer, err := fronttest.Do(client, fronttest.Request(t, "POST", s.URL("/"), body))
		if err != nil {
			t.Errorf("POST: %v", err)
		}
		answers <- answer
	}
	go post(strings.NewReader("hello"))
	<-arrived
	body, rest := io.Pipe()
	go post(io.MultiReader(strings.NewReader("he"), body))
	fronttest.Eventually(t, "one to be held", func() bool { return s.Core.Report(time.Now()).Pools[0].Queued == 1 })
	<-time.After(3 * pause)
	close(open)
	<-arrived
	fmt.Fprint(rest, "llo")
	rest.Close()
	for range 2 {
		if answer := <-answers; answer.Status != 200 || answer.Body != "5" {
			t.Errorf("answer %v, want 200 and 5 bytes", answer)
		}
	}
}
