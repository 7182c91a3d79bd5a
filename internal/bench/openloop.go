package main

import (
	"bufio"
	"context"
	"sync/atomic"
	"time"
)

// schedule hands out when requests are due, one after the other. It is safe for concurrent use.
type schedule struct {
	began time.Time
	every time.Duration
	total int64
	next  atomic.Int64
}

func newSchedule(began time.Time, perSecond int, duration time.Duration) *schedule {
	every := time.Second / time.Duration(perSecond)
	return &schedule{began: began, every: every, total: int64(duration / every)}
}

// take returns when the next one is due; none are left if it is not ok.
func (s *schedule) take() (due time.Time, ok bool) {
	i := s.next.Add(1) - 1
	return s.began.Add(time.Duration(i) * s.every), i < s.total
}

// sendScheduled sends what is due on one connection, and counts what was answered 2xx.
func (c *client) sendScheduled(ctx context.Context, s *schedule, deadline time.Time) (answered int64, err error) {
	conn, err := c.open(ctx, deadline)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	reader := bufio.NewReader(conn)
	for {
		due, ok := s.take()
		if !ok {
			return answered, nil
		}
		began, err := waitUntil(ctx, due)
		if err != nil {
			return answered, err
		}
		if err := c.exchangeFrom(began, conn, reader); err != nil {
			return answered, err
		}
		answered++
	}
}

// waitUntil returns from when on the latency of a request that is due then counts. That is when it was due, if all
// connections were busy then, for it waited. How late this program's own timer is counts for nobody.
func waitUntil(ctx context.Context, due time.Time) (time.Time, error) {
	left := time.Until(due)
	if left <= 0 {
		return due, ctx.Err()
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
		return time.Now(), nil
	case <-ctx.Done():
		return time.Time{}, ctx.Err()
	}
}
