package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// splicedShare is how much of what HAProxy sent stayed in the kernel, from 0 to 1. It is an error if
// that was less than half: then HAProxy was asked to splice and did not.
func splicedShare(ctx context.Context, admin string) (float64, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", admin)
	if err != nil {
		return 0, fmt.Errorf("ask HAProxy what it spliced: %w", err)
	}
	defer conn.Close()
	err = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, writeErr := io.WriteString(conn, "show info\n"); err != nil || writeErr != nil {
		return 0, fmt.Errorf("ask HAProxy what it spliced: %w", errors.Join(err, writeErr))
	}
	info, err := io.ReadAll(conn)
	if err != nil {
		return 0, fmt.Errorf("ask HAProxy what it spliced: %w", err)
	}
	share, err := parseSpliced(string(info))
	if err == nil && share < 0.5 {
		err = fmt.Errorf("HAProxy was to splice, and spliced %.0f %% of its bytes", 100*share)
	}
	return share, err
}

// parseSpliced reads the answer to "show info"; see HAProxy's management guide, 9.3.
func parseSpliced(info string) (float64, error) {
	var sent, spliced float64
	// HAProxy 2.6 spells the second one wrong.
	counts := map[string]*float64{"TotalBytesOut": &sent, "TotalSplicedBytesOut": &spliced, "TotalSplicdedBytesOut": &spliced}
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		count := counts[name]
		if count == nil {
			continue
		}
		var err error
		if *count, err = strconv.ParseFloat(value, 64); err != nil {
			return 0, fmt.Errorf("read HAProxy's counts: %w", err)
		}
	}
	if sent == 0 {
		return 0, errors.New("read HAProxy's counts: it sent nothing")
	}
	return spliced / sent, nil
}
