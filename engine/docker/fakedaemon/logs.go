package fakedaemon

import (
	"encoding/binary"
	"net/http"
	"strconv"
	"time"
)

// line is what a container has written.
type line struct {
	at     time.Time
	stderr bool
	text   string
}

// Say has a container write a line, to stderr or stdout.
func (d *Daemon) Say(id string, stderr bool, text string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, err := d.find(id)
	if err != nil {
		return err
	}
	c.lines = append(c.lines, line{d.now(), stderr, text})
	return nil
}

// logs sends the last lines of a container, in frames unless it has a terminal.
func (d *Daemon) logs(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	d.mu.Lock()
	defer d.mu.Unlock()
	c, err := d.find(r.PathValue("id"))
	if err != nil {
		conclude(w, err)
		return
	}
	lines := c.lines
	if n, err := strconv.Atoi(query.Get("tail")); err == nil {
		lines = lines[len(lines)-min(n, len(lines)):]
	}
	for _, l := range lines {
		text, stream, asked := l.text+"\n", byte(1), "stdout"
		if l.stderr && !c.Tty {
			stream, asked = 2, "stderr"
		}
		if !truth(query.Get(asked)) {
			continue
		}
		if truth(query.Get("timestamps")) {
			text = l.at.Format(time.RFC3339Nano) + " " + text
		}
		if !c.Tty {
			head := make([]byte, 8)
			head[0] = stream
			binary.BigEndian.PutUint32(head[4:], uint32(len(text)))
			_, _ = w.Write(head)
		}
		_, _ = w.Write([]byte(text))
	}
}
