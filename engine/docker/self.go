package docker

import (
	"bufio"
	"io"
	"os"
	"regexp"
)

// SelfID returns the ID of the container that this process runs in, empty if it runs in none
// that can be told.
func SelfID() string {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return ""
	}
	defer f.Close()
	return selfID(f)
}

// hostnameMount is how Docker mounts a container's /etc/hostname, from a folder of the host that
// bears the container's ID. That holds for both cgroup versions, and for a changed host name.
var hostnameMount = regexp.MustCompile(`/containers/([0-9a-f]{64})/hostname /etc/hostname `)

func selfID(mountinfo io.Reader) string {
	lines := bufio.NewScanner(mountinfo)
	// Overlay lines list every layer and can be long.
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if m := hostnameMount.FindSubmatch(lines.Bytes()); m != nil {
			return string(m[1])
		}
	}
	return ""
}
