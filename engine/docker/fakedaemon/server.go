package fakedaemon

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
)

// server is what runs in a container of a daemon with Options.Listen.
type server struct {
	http    *http.Server
	serving sync.WaitGroup

	mu sync.Mutex
	// thawed is closed unless the container is paused.
	thawed chan struct{}
}

// listen serves at all addresses and ports of a container.
func (d *Daemon) listen(c *container) (*server, error) {
	s := &server{thawed: make(chan struct{})}
	close(s.thawed)
	env := make(map[string]string)
	for _, v := range c.Env {
		name, value, _ := strings.Cut(v, "=")
		env[name] = value
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/env/{name}", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		thawed := s.thawed
		s.mu.Unlock()
		select {
		case <-thawed:
			fmt.Fprint(w, env[r.PathValue("name")])
		case <-r.Context().Done():
		}
	})
	id := c.id
	for stream, stderr := range map[string]bool{"stdout": false, "stderr": true} {
		mux.HandleFunc("GET /say/"+stream+"/{text}", func(_ http.ResponseWriter, r *http.Request) {
			_ = d.Say(id, stderr, r.PathValue("text")) // It can only have been removed meanwhile.
		})
	}
	s.http = &http.Server{Handler: mux}
	for _, e := range c.endpoints {
		for exposed := range c.ExposedPorts {
			port, _, _ := strings.Cut(exposed, "/")
			listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", net.JoinHostPort(e.address.String(), port))
			if err != nil {
				s.close()
				return nil, err
			}
			s.serving.Go(func() { _ = s.http.Serve(listener) })
		}
	}
	return s, nil
}

func (s *server) freeze() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.thawed = make(chan struct{})
}

func (s *server) thaw() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.thawed)
}

func (s *server) close() {
	_ = s.http.Close()
	s.serving.Wait()
}
