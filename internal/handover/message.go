package handover

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"time"
)

// version is of what is said. Who speaks another one is told so, and nothing changes hands.
const version = 1

// The words of the next one, and those of the one that serves. With wordEnds it refuses, instead of wordTake.
const (
	wordHello = "hello"
	wordReady = "ready"
	wordTake  = "take"
	wordYours = "yours"
	wordEnds  = "ends"
)

// ErrEnds says that the other hands nothing over, for it is about to end and takes its clones along.
var ErrEnds = errors.New("it is stopping and removes its clones: start again when it has ended")

// message is one line of JSON.
type message struct {
	Version int    `json:"version"`
	Word    string `json:"word"`
	// Sockets are those that come along with wordTake, in the order of their descriptors.
	Sockets []socket `json:"sockets,omitempty"`
	// Lasts comes along with wordYours: for how many milliseconds at most the connection stays open, for as long as something is
	// in flight. One that does not say it, as the first versions did not, closes the connection at once.
	Lasts int64 `json:"lasts_ms,omitempty"`
}

// socket is a listening socket: the configuration key that it is for, and the address as it was configured.
type socket struct {
	Key     string `json:"key"`
	Address string `json:"address"`
}

// messageMost is how long a message can be.
const messageMost = 16 << 10

// say sends a message within a limit.
func say(conn *net.UnixConn, m message, limit time.Duration) error {
	b, err := encode(m)
	if err != nil {
		return err
	}
	if err := conn.SetWriteDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	_, err = conn.Write(b)
	return err
}

func encode(m message) ([]byte, error) {
	m.Version = version
	b, err := json.Marshal(m)
	return append(b, '\n'), err
}

// hear reads a message that must have a word; a limit of 0 is none.
func hear(conn *net.UnixConn, r *bufio.Reader, word string, limit time.Duration) (message, error) {
	deadline := time.Time{}
	if limit > 0 {
		deadline = time.Now().Add(limit)
	}
	if err := conn.SetReadDeadline(deadline); err != nil {
		return message{}, err
	}
	line, err := r.ReadSlice('\n')
	if err != nil {
		return message{}, fmt.Errorf("wait for %s: %w", word, err)
	}
	return decode(line, word)
}

func decode(line []byte, word string) (message, error) {
	var m message
	switch err := json.Unmarshal(line, &m); {
	case err != nil:
		return m, fmt.Errorf("%.100q is no message of a handover: %w", line, err)
	case m.Version != version:
		return m, fmt.Errorf("the other speaks version %d of the handover, this one %d", m.Version, version)
	case m.Word == wordEnds && word == wordTake:
		return m, ErrEnds
	case m.Word != word:
		return m, fmt.Errorf("heard %.20q, want %s", m.Word, word)
	}
	return m, nil
}
