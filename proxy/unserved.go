package proxy

import "sync/atomic"

// rejections counts Ballast's own answers by cause.
type rejections [causes]atomic.Uint64

// bySlug are the counts by the slug of the cause; causes that never came are left out.
func (r *rejections) bySlug() map[string]uint64 {
	out := make(map[string]uint64)
	for cause := range r {
		if n := r[cause].Load(); n > 0 {
			out[Cause(cause).String()] = n
		}
	}
	return out
}

// Unserved accounts for a request that was given to no pool, and answered with status: it counts the rejection, if cause
// is one, and returns the log that is to have the request, nil if none is. path is the request's as it was written; empty
// if it has none, or none that can be read. Fronts call it once for each such request.
func (c *Core) Unserved(e *Edge, path []byte, status int, cause Cause) AccessLog {
	if e.Covers != nil && !e.Covers(path) {
		return nil
	}
	if cause.rejects() {
		c.rejected[cause].Add(1)
	}
	if e.Log == nil || !e.Log.Wants(status) {
		return nil
	}
	return e.Log
}
