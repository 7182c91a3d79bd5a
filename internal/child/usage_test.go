package child

import (
	"os"
	"testing"
	"time"
)

func TestParseKB(t *testing.T) {
	const rollup = "00400000-7ffe ---p 00000000 00:00 0    [rollup]\nRss:               13296 kB\nPss:  11 kB\n"
	if got, err := parseKB(rollup, "Rss:"); err != nil || got != 13296*1024 {
		t.Errorf("parseKB() = %d, %v, want %d", got, err, 13296*1024)
	}
	for _, bad := range []string{"", "Pss: 11 kB\n", "Rss: x kB\n", "Rss: 11 pages\n"} {
		if _, err := parseKB(bad, "Rss:"); err == nil {
			t.Errorf("parseKB(%q) error = nil, want one", bad)
		}
	}
}

func TestUsage_of_this_process(t *testing.T) {
	if _, err := os.Stat("/proc/self/smaps_rollup"); err != nil {
		t.Skipf("LEFT OUT: memory can't be read here: %v", err)
	}
	settled, err := SettledRSS(t.Context(), os.Getpid())
	if err != nil || settled < 1<<20 {
		t.Errorf("SettledRSS() = %d, %v, want more than 1 MB", settled, err)
	}
	// The peak may lag behind by some pages per thread.
	if peak, err := PeakRSS(os.Getpid()); err != nil || peak < settled/2 {
		t.Errorf("PeakRSS() = %d, %v, want %d or more", peak, err, settled)
	}
	before, err := Files(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if after, err := Files(os.Getpid()); err != nil || after <= before {
		t.Errorf("Files() = %d, %v with one file more, want more than %d", after, err, before)
	}
}

func TestCPUTime_grows_with_work(t *testing.T) {
	before, err := CPUTime(os.Getpid())
	if err != nil {
		t.Skipf("LEFT OUT: there are no CPU clocks of processes here: %v", err)
	}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		after, err := CPUTime(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if after > before {
			return
		}
	}
	t.Error("10 s of work took no processor time")
}
