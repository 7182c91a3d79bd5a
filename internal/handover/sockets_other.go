//go:build !unix

package handover

import (
	"errors"
	"net"
	"os"
)

func sendWith(*net.UnixConn, []byte, []Offer) error { return errors.ErrUnsupported }

func receive(*net.UnixConn, []byte) (int, []*os.File, error) { return 0, nil, errors.ErrUnsupported }
