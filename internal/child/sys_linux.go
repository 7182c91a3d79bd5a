package child

import (
	"fmt"
	"syscall"
	"time"
	"unsafe"
)

// Attributes make a child that Ctrl-C does not reach, for it is this program that ends it, and
// that never outlives this program.
func Attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// CPUTime is what a process used so far, user and system, to the nanosecond: the process's own CPU
// clock, see clock_getcpuclockid(3). Unlike /proc/PID/task it keeps the time of threads that ended,
// and unlike /proc/PID/stat it does not count in ticks of 10 ms.
func CPUTime(pid int) (time.Duration, error) {
	const cpuClockSched = 2 // include/linux/posix-timers.h
	clock := uintptr(^pid)<<3 | cpuClockSched
	var t syscall.Timespec
	_, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clock, uintptr(unsafe.Pointer(&t)), 0)
	if errno != 0 {
		return 0, fmt.Errorf("read the CPU clock of process %d: %w", pid, errno)
	}
	return time.Duration(t.Nano()), nil
}

// RaiseFileLimit lets this process and its children open as many files as the machine allows, and
// returns how many that is.
func RaiseFileLimit() (int, error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("read the limit of open files: %w", err)
	}
	limit.Cur = limit.Max
	// Go raises the limit of every process by itself, but hands the old one to children until this is called.
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("raise the limit of open files: %w", err)
	}
	return int(min(limit.Max, 1<<30)), nil
}
