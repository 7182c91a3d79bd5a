package sim

import (
	"testing"
	"time"
)

func TestClassicWant(t *testing.T) {
	tests := []struct {
		n        int
		requests uint64
		want     int
	}{
		{1, 21, 2}, {1, 20, 1}, {3, 19, 2}, {7, 100_000, 8},
	}
	for _, tt := range tests {
		if got := classicWant(tt.n, tt.requests); got != tt.want {
			t.Errorf("classicWant(%d, %d) = %d, want %d", tt.n, tt.requests, got, tt.want)
		}
	}
}

func TestUtilizationWant(t *testing.T) {
	tests := []struct {
		name            string
		ready, starting int
		usage           float64
		want            int
	}{
		{"at_the_target", 4, 0, 0.70, 4},
		{"within_tolerance", 4, 0, 0.76, 4},        // 1.086
		{"just_beyond", 4, 0, 0.78, 5},             // 4 * 1.114 = 4.46
		{"all_busy", 1, 0, 1, 2},                   // 1.43
		{"ten_all_busy", 10, 0, 1, 15},             // 14.3
		{"low", 10, 0, 0.35, 5},                    // 10 * 0.5
		{"whole_but_for_arithmetic", 7, 0, 0.9, 9}, // 7 * 9/7
		{"starting_counts_as_idle", 4, 2, 1, 6},    // 4/6 / 0.7 = 0.95: within tolerance
		{"starting_and_not_enough", 4, 1, 1, 6},    // 4/5 / 0.7 = 1.143: 5.7
		{"starting_turns_it_around", 4, 8, 1, 12},  // 0.476 would be fewer
		{"low_with_starting", 10, 2, 0.35, 5},
		{"idle", 3, 0, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := utilizationWant(tt.ready, tt.starting, tt.usage); got != tt.want {
				t.Errorf("utilizationWant(%d, %d, %v) = %d, want %d", tt.ready, tt.starting, tt.usage, got, tt.want)
			}
		})
	}
}

func TestConcurrencyWant(t *testing.T) {
	tests := []struct{ current, load, want int }{
		{1, 50, 5}, {5, 54, 5}, {5, 56, 6}, {5, 46, 5}, {5, 44, 5}, {5, 40, 4}, {3, 0, 0}, {2, 1, 1},
	}
	for _, tt := range tests {
		if got := concurrencyWant(tt.current, tt.load, 10); got != tt.want {
			t.Errorf("concurrencyWant(%d, %d, 10) = %d, want %d", tt.current, tt.load, got, tt.want)
		}
	}
}

func TestHorizontal_settle(t *testing.T) {
	type call struct {
		at      int // seconds
		current int
		want    int
		then    int
	}
	tests := []struct {
		name  string
		calls []call
	}{
		{"up_by_four_at_first", []call{{0, 1, 20, 5}, {15, 5, 20, 10}, {30, 10, 30, 20}}},
		{"up_as_far_as_wanted", []call{{0, 4, 6, 6}}},
		{"up_counts_what_was_added_within_15_s", []call{{0, 1, 20, 5}, {5, 5, 20, 5}}},
		{"down_after_300_s", []call{{0, 10, 10, 10}, {15, 10, 2, 10}, {285, 10, 2, 10}, {300, 10, 2, 2}}},
		{"down_to_the_highest_meanwhile", []call{{0, 10, 10, 10}, {100, 10, 6, 10}, {301, 10, 2, 6}, {401, 6, 2, 2}}},
		{"never_up_by_what_was_wanted_before", []call{{0, 4, 8, 8}, {30, 5, 4, 5}}},
		{"within_bounds", []call{{0, 30, 60, 40}, {900, 40, 0, 1}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var h horizontal
			for _, c := range tt.calls {
				if got := h.settle(time.Duration(c.at)*time.Second, c.current, c.want, 1, 40); got != c.then {
					t.Errorf("settle() at %d s of %d to %d = %d, want %d", c.at, c.current, c.want, got, c.then)
				}
			}
		})
	}
}

func TestKPA_want(t *testing.T) {
	type call struct {
		at, ready       int
		stable, panicky float64
		want            int
	}
	// The target is 7 for each: 0.7 * 10.
	tests := []struct {
		name  string
		calls []call
	}{
		{"stable", []call{{2, 1, 5, 5, 1}, {4, 1, 7, 7, 1}, {6, 1, 7.1, 7.1, 2}}},
		{"no_panic_below_twice", []call{{2, 3, 15, 35, 3}}},                                                             // panic 5 < 2 * 3
		{"panic_from_twice_on", []call{{2, 3, 15, 36, 6}}},                                                              // 5.14 -> 6
		{"panic_never_falls", []call{{2, 1, 7, 70, 10}, {4, 10, 8, 21, 10}, {62, 10, 14, 14, 10}, {64, 10, 14, 14, 5}}}, // floor(10/2) is more than 2
		{"panic_goes_on", []call{{2, 1, 7, 70, 10}, {40, 5, 8, 70, 10}, {70, 10, 14, 14, 10}, {102, 10, 14, 14, 5}}},
		{"stable_beats_panic", []call{{2, 1, 28, 14, 4}}},
		{"backlog_overshoots", []call{{2, 1, 100, 1000, 143}}},
		{"down_by_half", []call{{2, 9, 0, 0, 4}, {4, 4, 0, 0, 2}, {6, 2, 0, 0, 1}, {8, 1, 0, 0, 0}}},
		{"nothing_ready_counts_as_one", []call{{2, 0, 0, 14, 2}}},
		{"up_a_thousandfold_at_most", []call{{2, 1, 1e6, 1e6, 1000}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k := newKPA(&Config{Slots: 10})
			for _, c := range tt.calls {
				if got := k.want(time.Duration(c.at)*time.Second, c.ready, c.stable, c.panicky); got != c.want {
					t.Errorf("want() at %d s, %d ready, stable %v, panic %v = %d, want %d", c.at, c.ready, c.stable, c.panicky, got, c.want)
				}
			}
		})
	}
}

func TestKPA_mean(t *testing.T) {
	k := newKPA(&Config{Slots: 10})
	k.load = []float64{0, 10, 20, 40, 80}
	if got := k.mean(2); got != 30 {
		t.Errorf("mean(2) = %v, want 30", got)
	}
	if got := k.mean(60); got != 20 {
		t.Errorf("mean(60) with 4 s known = %v, want 20", got)
	}
}
