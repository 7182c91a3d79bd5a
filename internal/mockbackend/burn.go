package mockbackend

import (
	"net/http"
	"time"
)

// burn keeps one processor busy for as long as it is asked to, then says who answered.
func (b *backend) burn(w http.ResponseWriter, r *http.Request) {
	burns, err := milliseconds(r, time.Second)
	if err != nil {
		badRequest(w, err)
		return
	}
	b.inFlight.Add(1)
	defer b.inFlight.Add(-1)
	count := b.count.Add(1)
	for end := time.Now().Add(burns); time.Now().Before(end); {
		if r.Context().Err() != nil {
			return
		}
	}
	b.who(w, r, count)
}
