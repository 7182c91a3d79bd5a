// Package filewatch tells when files that are read at the start have to be read again: certificates, the configuration, users.
//
// Events of the file system are hints; whoever watches looks at what the files hold. Where there are no events (NFS, some
// bind mounts) a look each half minute has to do.
package filewatch

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
	// Poll is how often the files are looked at without any sign: for file systems that have no events, and for links
	// that change further up.
	Poll = 30 * time.Second
)

// Options say what is watched.
type Options struct {
	// Files are the paths that are watched at present. It is asked before each look, from Run's goroutine.
	Files func() []string
	// Look is called at the start, soon after each sign of a change and each Poll, from Run's goroutine.
	Look func()
	// What names the files in the log, such as "certificates".
	What   string
	Logger zerolog.Logger
}

// Run looks until ctx ends, and returns nil then.
func Run(ctx context.Context, o Options) error {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		o.Logger.Warn().Err(err).Dur("every", Poll).Msgf("no file events, %s are polled", o.What)
		return follow(ctx, o, signs{aim: func() {}})
	}
	defer w.Close() //nolint:errcheck // there is nobody to care
	a := &aim{watcher: w, options: o, warned: make(map[string]bool)}
	return follow(ctx, o, signs{events: w.Events, errors: w.Errors, aim: func() { a.at(directories(o.Files())) }})
}

// signs are what is heard of the files. A nil channel never speaks: then the poll has to do.
type signs struct {
	events <-chan fsnotify.Event
	errors <-chan error
	// aim points the events at the directories where the files are now.
	aim func()
}

// follow treats every event as a hint that something changed: what the files hold decides.
func follow(ctx context.Context, o Options, s signs) error {
	poll := time.NewTicker(Poll)
	defer poll.Stop()
	var settled <-chan time.Time
	look := func() {
		settled = nil
		// First the events, or what changes in between would be missed.
		s.aim()
		o.Look()
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
			o.Logger.Debug().Err(err).Msg("file events lost")
			hint()
		case <-settled:
			look()
		case <-poll.C:
			look()
		}
	}
}

// directories returns where a change of the files shows: their own directories, because a file that
// is replaced by a rename is another file, and those that their links end in. Kubernetes and Docker
// configs swap a link ..data beside the files, certbot a link into an archive.
func directories(files []string) []string {
	set := make(map[string]struct{})
	for _, file := range files {
		set[filepath.Dir(file)] = struct{}{}
		if target, err := filepath.EvalSymlinks(file); err == nil {
			set[filepath.Dir(target)] = struct{}{}
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// aim points a watcher at directories.
type aim struct {
	watcher *fsnotify.Watcher
	options Options
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
			a.options.Logger.Warn().Err(err).Str("directory", d).Dur("every", Poll).Msgf("no file events, %s are polled", a.options.What)
		}
	}
}
