package proxy

import "sync/atomic"

// statuses counts status codes 100 to 999, with memory for the classes (2xx, 5xx) that came only.
type statuses struct {
	classes [10]atomic.Pointer[[100]atomic.Uint64]
}

func (s *statuses) add(status int) {
	if status < 100 || status > 999 {
		return
	}
	class := &s.classes[status/100]
	counts := class.Load()
	if counts == nil {
		class.CompareAndSwap(nil, new([100]atomic.Uint64))
		counts = class.Load()
	}
	counts[status%100].Add(1)
}

func (s *statuses) list() []StatusCount {
	var out []StatusCount
	for class := range s.classes {
		counts := s.classes[class].Load()
		if counts == nil {
			continue
		}
		for i := range counts {
			if n := counts[i].Load(); n > 0 {
				out = append(out, StatusCount{Status: class*100 + i, Count: n})
			}
		}
	}
	return out
}
