package proxy

import "time"

// Outlook is what those can expect who wait for a pool without backends. The autoscaler sets it.
type Outlook struct {
	// Coming says that a backend is on its way, and In how long it takes from now on; 0 if that is not known.
	Coming bool
	In     time.Duration
	// Why says in a sentence for people why it is so. It is public: clients are told. An outlook that has a reason
	// and nothing coming answers those who wait at once; without a reason they wait on.
	Why string
}

// hopeless says that there is no point in waiting.
func (o Outlook) hopeless() bool { return !o.Coming && o.Why != "" }

// forecast is an outlook of some moment. A nil one is of a pool that nobody has said anything of.
type forecast struct {
	Outlook

	at time.Duration
}

func (f *forecast) hopeless() bool { return f != nil && f.Outlook.hopeless() }

// left is how long it still takes; 0 if that is not known, or should be over.
func (f *forecast) left(now time.Duration) time.Duration {
	if f == nil || f.In <= 0 {
		return 0
	}
	return max(0, f.at+f.In-now)
}

// pageAfter is how long a browser is held rather than given the waiting page.
const pageAfter = 2 * time.Second

// far says that a backend comes later than people like to look at nothing, or nobody knows when.
func (f *forecast) far(now time.Duration) bool {
	left := f.left(now)
	return left == 0 || left > pageAfter
}

// SetOutlook tells what those who wait for a pool can expect. It holds until it is told anew, whatever is applied; if it
// is that nothing will come, those who wait for a backend to come are answered at once. It does nothing for
// pools that are not known.
func (c *Core) SetOutlook(pool string, o Outlook) {
	p := c.Pool(pool)
	if p == nil {
		return
	}
	p.outlook.Store(&forecast{Outlook: o, at: c.since()})
	if o.hopeless() && p.queued() > 0 {
		p.serveHeld()
	}
}
