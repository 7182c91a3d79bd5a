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

// recall breaks a drain off when it is closed. A nil one never is.
type recall chan struct{}

// given says that the drain is broken off.
func (r recall) given() bool {
	select {
	case <-r:
		return true
	default:
		return false
	}
}
