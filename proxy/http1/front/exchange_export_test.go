package front

// Unwatch lets a front do without the watcher, as it does where the system has none. What the watcher waits for is
// outside of the process, so that no time passes in a bubble of testing/synctest while there is one. It must
// come before the first connection.
func (f *Front) Unwatch() {
	f.watcher.close()
	f.watcher = nil
}
