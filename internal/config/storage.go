package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// checkStorage says whether the directory can be written, or made, without making it.
func checkStorage(dir string) error {
	at, info, err := nearest(dir)
	there := at == filepath.Clean(dir)
	switch {
	case err != nil: // It can't even be looked at, as below.
	case info.IsDir():
		if err = writable(at); err == nil {
			return nil
		}
	case there:
		return wrong(keyACMEStorage, "%q is a file: name a directory", dir)
	default:
		return wrong(keyACMEStorage, "%q can't be made, %q is a file: name a directory", dir, at)
	}
	what := "can't be written"
	if !there {
		what = fmt.Sprintf("can't be made in %q", at)
	}
	return wrong(keyACMEStorage, "%q %s: %w: name a directory that this process may write, or make it one", dir, what, err)
}

// nearest is the path itself or, while that does not exist, the directory above.
func nearest(path string) (at string, info os.FileInfo, err error) {
	for at = filepath.Clean(path); ; at = filepath.Dir(at) {
		info, err = os.Stat(at)
		missing := errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
		if !missing || filepath.Dir(at) == at {
			return at, info, err
		}
	}
}
