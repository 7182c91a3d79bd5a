package health

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// Defaults of a Check that leaves them out.
const (
	defaultInterval  = 10 * time.Second
	defaultTimeout   = 2 * time.Second
	defaultStatusMin = 200
	defaultStatusMax = 399
)

func (c Check) withDefaults() Check {
	if c.Interval <= 0 {
		c.Interval = defaultInterval
	}
	if c.Timeout <= 0 {
		c.Timeout = defaultTimeout
	}
	if c.StatusMin == 0 {
		c.StatusMin = defaultStatusMin
	}
	if c.StatusMax == 0 {
		c.StatusMax = defaultStatusMax
	}
	return c
}

func (p *probe[K]) run(ctx context.Context) {
	var s state
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	for {
		target := *p.target.Load()
		began := time.Now()
		reason := p.check(ctx, target)
		if ctx.Err() != nil {
			return
		}
		ended := time.Now()
		p.prober.note(target.Key, p.since, Checked{Time: ended, Took: ended.Sub(began), Reason: reason})
		if s.observe(reason, target.Check) {
			p.prober.log.Debug().Stringer("address", target.Address).Bool("healthy", s.healthy).
				Str("reason", s.reason).Msg("health reported")
			p.prober.report(Result[K]{Key: target.Key, Healthy: s.healthy, Reason: s.reason})
		}
		if reason == "" && p.prober.passed != nil {
			p.prober.passed(target.Key)
		}
		timer.Reset(jitter(s.wait(target.Check)))
		select {
		case <-ctx.Done():
			return
		case <-p.changed:
		case <-timer.C:
		}
	}
}

// check does one check and returns what failed, in words, or nothing.
func (p *probe[K]) check(ctx context.Context, t Target[K]) string {
	ctx, cancel := context.WithTimeout(ctx, t.Check.Timeout)
	defer cancel()
	start := time.Now()
	var err error
	if t.Check.Path == "" {
		err = connect(ctx, t)
	} else {
		err = p.prober.checker.Check(ctx, t.Address, t.Check)
	}
	took := time.Since(start)
	switch limit := t.Check.MaxLatency; {
	case err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Sprintf("no answer within %s", t.Check.Timeout)
	case err != nil:
		return reason(err)
	case limit > 0 && took > limit:
		return fmt.Sprintf("took longer than %s", limit)
	}
	return ""
}

func connect[K comparable](ctx context.Context, t Target[K]) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", t.Address.String())
	if err != nil {
		return err
	}
	return conn.Close()
}

// reason is an error's text without our own port, which is another one at each check.
func reason(err error) string {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Op + ": " + op.Err.Error()
	}
	return err.Error()
}
