package certs

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/rs/zerolog"
)

const (
	// settle is how long after the first sign of a change the files are read: a certificate and its
	// key are two files, and are seldom replaced in one act.
	settle = 200 * time.Millisecond
	// pollEvery is for file systems that have no events (NFS, some bind mounts) and for links that
	// change further up.
	pollEvery = 30 * time.Second
	// expiryEvery is how often certificates that expire soon are named again.
	expiryEvery = 24 * time.Hour
)

// signs are what Run hears of the files. A nil channel never speaks: then the poll has to do.
type signs struct {
	events <-chan fsnotify.Event
	errors <-chan error
	// aim points the events at the directories where the files are now.
	aim func()
}

// Run reloads certificates when their files change, until ctx ends, and returns nil then. It is
// called once. A pair that can't be used keeps the certificate before, with one warning.
func (f *Files) Run(ctx context.Context) error {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		f.log.Warn().Err(err).Dur("every", pollEvery).Msg("no file events, certificates are polled")
		return f.follow(ctx, signs{aim: func() {}})
	}
	defer w.Close() //nolint:errcheck // there is nobody to care
	a := &aim{watcher: w, log: f.log, warned: make(map[string]bool)}
	return f.follow(ctx, signs{events: w.Events, errors: w.Errors, aim: func() { a.at(f.directories()) }})
}

// follow treats every event as a hint that something changed: what the files hold decides.
func (f *Files) follow(ctx context.Context, s signs) error {
	poll, day := time.NewTicker(pollEvery), time.NewTicker(expiryEvery)
	defer poll.Stop()
	defer day.Stop()
	var settled <-chan time.Time
	look := func() {
		settled = nil
		// First the events, or what changes in between would be missed.
		s.aim()
		f.reload(time.Now())
	}
	hint := func() {
		// The first of many counts: a directory that never rests must not put it off for ever.
		if settled == nil {
			settled = time.After(settle)
		}
	}
	look()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.events:
			hint()
		case err := <-s.errors:
			f.log.Debug().Err(err).Msg("file events lost")
			hint()
		case <-settled:
			look()
		case <-poll.C:
			look()
		case now := <-day.C:
			f.warnExpiring(now)
		}
	}
}

// directories returns where a change of the files shows: their own directories, because a file that
// is replaced by a rename is another file, and those that their links end in. Kubernetes and Docker
// configs swap a link ..data beside the files, certbot a link into an archive.
func (f *Files) directories() []string {
	set := make(map[string]struct{})
	for _, s := range f.sources {
		for _, file := range []string{s.Cert, s.Key} {
			set[filepath.Dir(file)] = struct{}{}
			if target, err := filepath.EvalSymlinks(file); err == nil {
				set[filepath.Dir(target)] = struct{}{}
			}
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// aim points a watcher at directories.
type aim struct {
	watcher *fsnotify.Watcher
	log     zerolog.Logger
	warned  map[string]bool
}

func (a *aim) at(directories []string) {
	for _, d := range a.watcher.WatchList() {
		if !slices.Contains(directories, d) {
			// Most often it is gone already, and that is why it is no longer wanted.
			_ = a.watcher.Remove(d)
		}
	}
	for _, d := range directories {
		if err := a.watcher.Add(d); err != nil && !a.warned[d] {
			a.warned[d] = true
			a.log.Warn().Err(err).Str("directory", d).Dur("every", pollEvery).Msg("no file events, certificates are polled")
		}
	}
}
