//go:build !linux

package child

import (
	"errors"
	"syscall"
	"time"
)

// Attributes, CPUTime and RaiseFileLimit keep the package compiling where nothing can be measured.
func Attributes() *syscall.SysProcAttr { return nil }

// CPUTime is not known here.
func CPUTime(int) (time.Duration, error) { return 0, errors.ErrUnsupported }

// RaiseFileLimit is not known here.
func RaiseFileLimit() (int, error) { return 0, errors.ErrUnsupported }
