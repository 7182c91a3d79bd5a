package certs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/rs/zerolog"
)

// issuing is what an ACME has while Run runs.
type issuing struct {
	log    zerolog.Logger
	cache  *certmagic.Cache
	config *certmagic.Config
	issuer *certmagic.ACMEIssuer
	// jobs has the names that are managed; dropped those that were. Both are Run's alone.
	jobs    map[string]*job
	dropped map[string]struct{}
	// looked are the names for which the storage was looked into: what it had is served.
	mu     sync.Mutex
	looked map[string]struct{}
}

// retryAfter is how long a job rests that gave up: after 30 days of attempts, or at once when the CA's
// answer leaves no hope. It is longer than what a CA forgives failures in.
const retryAfter = time.Hour

// job loads or obtains the certificate of one name. When it is done, the cache renews it.
type job struct {
	stop context.CancelFunc
	done chan struct{}
	// again is when a job that failed is worth another; zero if it did not fail. It is written
	// before done is closed.
	again time.Time
}

func (j *job) due(now time.Time) bool {
	select {
	case <-j.done:
		return !j.again.IsZero() && now.After(j.again)
	default:
		return false
	}
}

// Run obtains and renews certificates until ctx ends, and returns nil then, with nothing left that
// works for it. It is called once. It fails if it can't listen on the loopback interface.
func (a *ACME) Run(ctx context.Context) error {
	decoy, err := newDecoy(ctx)
	if err != nil {
		return err
	}
	defer decoy.close()
	i := a.newIssuing(decoy.port())
	a.issuing.Store(i)
	defer func() {
		a.issuing.Store(nil)
		for _, j := range i.jobs {
			j.stop()
		}
		for _, j := range i.jobs {
			<-j.done
		}
		i.cache.Stop()
		a.storage.wait()
	}()
	sweep := time.NewTicker(a.options.CheckEvery)
	defer sweep.Stop()
	for {
		i.reconcile(ctx, *a.wanted.Load())
		select {
		case <-ctx.Done():
			return nil
		case <-a.changed:
		case <-sweep.C:
		}
	}
}

func (a *ACME) newIssuing(decoy int) *issuing {
	i := &issuing{log: a.options.Logger, jobs: make(map[string]*job), dropped: make(map[string]struct{}), looked: make(map[string]struct{})}
	logger := newZap(a.options.Logger)
	i.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert:   func(certmagic.Certificate) (*certmagic.Config, error) { return i.config, nil },
		RenewCheckInterval: a.options.CheckEvery,
		Logger:             logger,
	})
	i.config = certmagic.New(i.cache, certmagic.Config{
		KeySource: certmagic.StandardKeyGenerator{KeyType: certmagic.P256},
		Storage:   a.storage,
		OnEvent:   i.tell,
		Logger:    logger,
	})
	i.issuer = certmagic.NewACMEIssuer(i.config, certmagic.ACMEIssuer{
		CA:                      a.options.CA,
		Email:                   a.options.Email,
		Agreed:                  true,
		TrustedRoots:            a.roots,
		DisableHTTPChallenge:    a.options.DisableHTTP,
		DisableTLSALPNChallenge: a.options.DisableTLSALPN,
		ListenHost:              loopback,
		AltHTTPPort:             decoy,
		AltTLSALPNPort:          decoy,
		Logger:                  logger,
	})
	i.config.Issuers = []certmagic.Issuer{i.issuer}
	return i
}

// tell logs what people want to know of certmagic's events.
func (i *issuing) tell(_ context.Context, event string, data map[string]any) error {
	if event == "cert_obtained" {
		i.log.Info().Any("name", data["identifier"]).Any("renewal", data["renewal"]).Any("issuer", data["issuer"]).Msg("certificate obtained")
	}
	return nil
}

// reconcile starts a job for each name that needs one, and forgets those that are no longer wanted.
func (i *issuing) reconcile(ctx context.Context, wanted map[string]struct{}) {
	for name, j := range i.jobs {
		if _, ok := wanted[name]; !ok {
			j.stop()
			<-j.done
			delete(i.jobs, name)
			i.dropped[name] = struct{}{}
			i.note(name, false)
			i.cache.RemoveManaged([]certmagic.SubjectIssuer{{Subject: name}})
			i.log.Debug().Str("name", name).Msg("certificate dropped")
		}
	}
	for name := range wanted {
		if j := i.jobs[name]; j == nil || j.due(time.Now()) {
			delete(i.dropped, name)
			i.jobs[name] = i.start(ctx, name)
		}
	}
	// A renewal that was under way when its name went has put its certificate into the cache again.
	for name := range i.dropped {
		i.cache.RemoveManaged([]certmagic.SubjectIssuer{{Subject: name}})
	}
}

// note notes whether the storage was looked into for a name.
func (i *issuing) note(name string, looked bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if looked {
		i.looked[name] = struct{}{}
	} else {
		delete(i.looked, name)
	}
}

// settled says whether it was looked into for all of names.
func (i *issuing) settled(names map[string]struct{}) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	for name := range names {
		if _, ok := i.looked[name]; !ok {
			return false
		}
	}
	return true
}

func (i *issuing) start(ctx context.Context, name string) *job {
	ctx, stop := context.WithCancel(ctx)
	j := &job{stop: stop, done: make(chan struct{})}
	go func() {
		defer close(j.done)
		defer stop()
		if err := i.obtain(ctx, name); err != nil && ctx.Err() == nil {
			j.again = time.Now().Add(retryAfter)
			i.log.Error().Err(err).Str("name", name).Time("again", j.again).
				Msg("no certificate: see that the name leads here, and that the CA reaches port 80 or 443")
		}
	}()
	return j
}

// obtain puts the certificate of a name into the cache: from the storage, or else from the CA, which
// is asked again for 30 days, at ever longer intervals. What fails on the way certmagic logs.
func (i *issuing) obtain(ctx context.Context, name string) error {
	old, err := i.config.CacheManagedCertificate(ctx, name)
	i.note(name, true)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = i.config.ObtainCertAsync(ctx, name)
	case err == nil && old.NeedsRenewal(i.config):
		// The cache would renew it too, but only at its next look.
		err = i.config.RenewCertAsync(ctx, name, false)
	}
	if err != nil {
		return fmt.Errorf("obtain certificate for %s: %w", name, err)
	}
	fresh, err := i.config.CacheManagedCertificate(ctx, name)
	if err != nil {
		return fmt.Errorf("load certificate for %s: %w", name, err)
	}
	if !old.Empty() && old.Hash() != fresh.Hash() {
		i.cache.Remove([]string{old.Hash()})
	}
	i.log.Debug().Str("name", name).Time("not_after", fresh.Leaf.NotAfter).Msg("certificate ready")
	return nil
}
