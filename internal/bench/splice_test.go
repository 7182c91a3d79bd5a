package main

import "testing"

func TestParseSpliced(t *testing.T) {
	for _, name := range []string{"TotalSplicedBytesOut", "TotalSplicdedBytesOut"} {
		info := "Name: HAProxy\nTotalBytesOut: 1000\n" + name + ": 990\nBytesOutRate: 7\n"
		if got, err := parseSpliced(info); err != nil || got != 0.99 {
			t.Errorf("parseSpliced(%q) = %g, %v, want 0.99", info, got, err)
		}
	}
	if got, err := parseSpliced("TotalBytesOut: 1000\n"); err != nil || got != 0 {
		t.Errorf("parseSpliced() of a HAProxy that does not splice = %g, %v, want 0", got, err)
	}
	for _, bad := range []string{"", "TotalBytesOut: 0\n", "TotalBytesOut: x\n"} {
		if _, err := parseSpliced(bad); err == nil {
			t.Errorf("parseSpliced(%q) error = nil, want one", bad)
		}
	}
}
