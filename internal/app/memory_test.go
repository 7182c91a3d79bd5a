package app

import "testing"

func TestReadMemory(t *testing.T) {
	tests := []struct {
		name, text       string
		available, total uint64
		ok               bool
	}{
		{"as Linux tells it", "MemTotal:       16000 kB\nMemFree:         100 kB\nMemAvailable:    4000 kB\nHugePages_Total:   0\n", 4000 << 10, 16000 << 10, true},
		{"an old kernel does not tell what is available", "MemTotal: 16000 kB\nMemFree: 100 kB\n", 0, 16000 << 10, false},
		{"no numbers", "MemTotal: many kB\nMemAvailable: few kB\n", 0, 0, false},
		{"nothing", "", 0, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			available, total, ok := readMemory([]byte(tt.text))
			if available != tt.available || total != tt.total || ok != tt.ok {
				t.Errorf("readMemory() = %d, %d, %v, want %d, %d, %v", available, total, ok, tt.available, tt.total, tt.ok)
			}
		})
	}
}
