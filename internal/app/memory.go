package app

import (
	"bufio"
	"bytes"
	"os"
	"strconv"

	"github.com/ballast-lb/ballast/internal/config"
)

// meminfo is where Linux tells of the host's memory, also inside a container.
const meminfo = "/proc/meminfo"

// memory reads how much memory the engine's host has; not ok where that is not this one, or not told.
func (a *App) memory() func() (available, total uint64, ok bool) {
	if a.config.Engine != config.EngineDocker {
		return nil
	}
	return func() (available, total uint64, ok bool) {
		if !a.reconciler.Status().ContainersReachable {
			return 0, 0, false
		}
		text, err := os.ReadFile(meminfo)
		if err != nil {
			return 0, 0, false
		}
		return readMemory(text)
	}
}

// readMemory reads MemAvailable and MemTotal, in bytes, of proc_meminfo(5).
func readMemory(text []byte) (available, total uint64, ok bool) {
	found := 0
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		fields := bytes.Fields(lines.Bytes())
		if len(fields) != 3 || string(fields[2]) != "kB" {
			continue
		}
		n, err := strconv.ParseUint(string(fields[1]), 10, 54)
		if err != nil {
			continue
		}
		switch string(fields[0]) {
		case "MemAvailable:":
			available, found = n<<10, found+1
		case "MemTotal:":
			total, found = n<<10, found+1
		}
	}
	return available, total, found == 2 && total > 0
}
