//go:build linux || darwin

package config

import "syscall"

// writable says why nothing can be made in a directory. It asks, and leaves no trace: a check of the
// configuration changes nothing.
func writable(dir string) error {
	const write, search = 2, 1 // W_OK and X_OK of access(2).
	return syscall.Access(dir, write|search)
}
