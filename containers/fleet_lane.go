package containers

import "context"

// lane makes what is done to one container follow each other in the order in which it was planned, so
// that a drain and its taking back never overtake one another. It is guarded by Fleet.mu.
type lane struct{ last chan struct{} }

// in returns do as the next in the lane. It must be called once.
func (l *lane) in(do func(context.Context)) func(context.Context) {
	before, done := l.last, make(chan struct{})
	l.last = done
	return func(ctx context.Context) {
		defer close(done)
		if before != nil {
			<-before
		}
		do(ctx)
	}
}

// recall lets a drain be broken off. The zero value can't be.
type recall struct {
	ctx    context.Context //nolint:containedctx // It is a signal that others are made to end by.
	cancel context.CancelFunc
}

func newRecall() recall {
	ctx, cancel := context.WithCancel(context.Background())
	return recall{ctx, cancel}
}

func (r recall) done() <-chan struct{} {
	if r.ctx == nil {
		return nil
	}
	return r.ctx.Done()
}
