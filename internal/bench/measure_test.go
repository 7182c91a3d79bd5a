package main

import (
	"os"
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	tests := []struct {
		values []float64
		want   float64
	}{
		{[]float64{7}, 7},
		{[]float64{3, 1}, 2},
		{[]float64{9, 1, 5}, 5},
		{[]float64{4, 1, 3, 100}, 3.5},
	}
	for _, tt := range tests {
		if got := median(tt.values); got != tt.want {
			t.Errorf("median(%v) = %g, want %g", tt.values, got, tt.want)
		}
	}
}

func TestCPUTime_grows_with_work(t *testing.T) {
	before, err := cpuTime(os.Getpid())
	if err != nil {
		t.Skipf("LEFT OUT: there are no CPU clocks of processes here: %v", err)
	}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		after, err := cpuTime(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if after > before {
			return
		}
	}
	t.Error("10 s of work took no processor time")
}

func TestMetric_titles(t *testing.T) {
	for _, sc := range scenarios {
		for _, m := range sc.metrics() {
			if m.title() == "" || m.ratioTitle() == "" {
				t.Errorf("%s: the metric %s has no title", sc.name, m)
			}
		}
	}
}
