package containers

// Unfit says that a pool can get no other replica until somebody changes the container that clones are made from, or
// starts one.
func (f *Fleet) Unfit(pool string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.pools[pool]
	if p == nil || p.unfit == "" || f.wakeable(p) > 0 {
		return false
	}
	for _, o := range f.originals {
		if o.pool == pool && p.zero() { // It can be started, or will be again after a failure.
			return false
		}
	}
	return true
}
