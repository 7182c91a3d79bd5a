package certs

import (
	"context"
	"sync"
	"time"

	"github.com/ballast-lb/ballast/internal/filewatch"
)

// expiryEvery is how often certificates that expire soon are named again.
const expiryEvery = 24 * time.Hour

// Run reloads certificates when their files change, until ctx ends, and returns nil then. It is
// called once. A pair that can't be used keeps the certificate before, with one warning.
func (f *Files) Run(ctx context.Context) error {
	var days sync.WaitGroup
	defer days.Wait()
	days.Go(func() { f.remind(ctx) })
	return filewatch.Run(ctx, filewatch.Options{
		Files: f.paths, Look: func() { f.reload(time.Now()) }, What: "certificates", Logger: f.log,
	})
}

// remind warns each day of certificates that expire soon.
func (f *Files) remind(ctx context.Context) {
	day := time.NewTicker(expiryEvery)
	defer day.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-day.C:
			f.warnExpiring(now)
		}
	}
}

func (f *Files) paths() []string {
	var paths []string
	for _, s := range f.sources {
		paths = append(paths, s.Cert, s.Key)
	}
	return paths
}
