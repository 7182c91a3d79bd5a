package main

import "testing"

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

func TestMetric_titles(t *testing.T) {
	for _, sc := range scenarios {
		for _, m := range sc.metrics() {
			if m.title() == "" || m.ratioTitle() == "" {
				t.Errorf("%s: the metric %s has no title", sc.name, m)
			}
		}
	}
}
