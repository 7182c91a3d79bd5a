//go:build !linux

package main

import (
	"errors"
	"syscall"
	"time"
)

// check refuses to run here; these keep the package compiling.

func childAttributes() *syscall.SysProcAttr { return nil }

func cpuTime(int) (time.Duration, error) { return 0, errors.ErrUnsupported }

func raiseFileLimit() (int, error) { return 0, errors.ErrUnsupported }
