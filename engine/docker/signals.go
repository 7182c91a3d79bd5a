package docker

import (
	"strconv"
	"strings"
)

// Containers are told signals by Linux's numbers, wherever Ballast runs.
const (
	sigTerm  = 15
	sigRTMin = 34
	sigRTMax = 64
)

var signalNumbers = map[string]int{
	"HUP": 1, "INT": 2, "QUIT": 3, "ILL": 4, "TRAP": 5, "ABRT": 6, "IOT": 6, "BUS": 7, "FPE": 8,
	"KILL": 9, "USR1": 10, "SEGV": 11, "USR2": 12, "PIPE": 13, "ALRM": 14, "TERM": sigTerm,
	"STKFLT": 16, "CHLD": 17, "CLD": 17, "CONT": 18, "STOP": 19, "TSTP": 20, "TTIN": 21, "TTOU": 22,
	"URG": 23, "XCPU": 24, "XFSZ": 25, "VTALRM": 26, "PROF": 27, "WINCH": 28, "IO": 29, "POLL": 29,
	"PWR": 30, "SYS": 31, "RTMIN": sigRTMin, "RTMAX": sigRTMax,
}

// signalNumber reads a signal as images and people write it: 3, QUIT, SIGQUIT, SIGRTMIN+3. What
// is empty or unknown is SIGTERM, which is what Docker sends then.
func signalNumber(s string) int {
	if n, err := strconv.Atoi(s); err == nil && n > 0 && n <= sigRTMax {
		return n
	}
	name := strings.TrimPrefix(strings.ToUpper(s), "SIG")
	if n, ok := signalNumbers[name]; ok {
		return n
	}
	for _, base := range []string{"RTMIN", "RTMAX"} {
		offset, ok := strings.CutPrefix(name, base)
		if !ok {
			continue
		}
		if d, err := strconv.Atoi(offset); err == nil {
			if n := signalNumbers[base] + d; n >= sigRTMin && n <= sigRTMax {
				return n
			}
		}
	}
	return sigTerm
}
