package docker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"slices"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errhttp"
	"github.com/docker/docker/client"

	"github.com/ballast-lb/ballast/engine"
)

// noSpace is the kernel's text for ENOSPC. It is all that tells a full disk from other failures of the daemon: its
// API has no status for it.
const noSpace = "no space left on device"

// wrap says what was tried and puts the engine's sentinel next to the client's error. When the
// caller's own context ended, that is the error, whatever it made the client say.
func wrap(ctx context.Context, act string, err error) error {
	if cause := ctx.Err(); cause != nil {
		return fmt.Errorf("%s: %w", act, cause)
	}
	if kind := sentinel(err); kind != nil && !errors.Is(err, kind) {
		return fmt.Errorf("%s: %w: %w", act, kind, err)
	}
	return fmt.Errorf("%s: %w", act, err)
}

// sentinel returns the engine's error for one of the client's, nil if there is none that fits.
func sentinel(err error) error {
	var netErr net.Error
	switch {
	case cerrdefs.IsNotFound(err):
		return engine.ErrNotFound
	case cerrdefs.IsConflict(err):
		return engine.ErrConflict
	case cerrdefs.IsUnavailable(err),
		client.IsErrConnectionFailed(err),
		// A deadline or a cancellation is of our own making here: the caller's was looked at before.
		errors.Is(err, context.DeadlineExceeded),
		errors.Is(err, context.Canceled),
		// The connection broke while the answer was read.
		errors.Is(err, io.EOF),
		errors.Is(err, io.ErrUnexpectedEOF),
		errors.As(err, &netErr):
		return engine.ErrUnavailable
	case cerrdefs.IsInternal(err) && strings.Contains(err.Error(), noSpace):
		return engine.ErrNoSpace
	}
	return nil
}

// failing are the statuses of an engine that fails, or of a proxy before one that is not there. 503 is ErrUnavailable.
var failing = []int{http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout}

// Mends says whether an engine that failed with err may answer later though nobody changes what this process was told or may
// do: it is not there yet, or fails by itself. A socket that may not be opened, TLS that does not fit, and what the engine
// refuses, such as a version of the API, stay as they are.
func Mends(err error) bool {
	switch {
	case errors.Is(err, fs.ErrPermission),
		errors.As(err, new(*tls.CertificateVerificationError)),
		errors.As(err, new(tls.RecordHeaderError)):
		return false
	}
	return errors.Is(err, engine.ErrUnavailable) || slices.ContainsFunc(failing, func(status int) bool {
		return errors.Is(err, errhttp.ToNative(status))
	})
}
