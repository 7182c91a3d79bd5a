package docker

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"

	"github.com/ballast-lb/ballast/engine"
)

func toGrants(c container.InspectResponse) engine.Grants {
	host := c.HostConfig
	return engine.Grants{
		Privileged:   host.Privileged,
		NetworkMode:  grantedNetwork(host.NetworkMode),
		Namespaces:   grantedNamespaces(host),
		Devices:      grantedDevices(host.Resources),
		Capabilities: host.CapAdd,
		Mounts:       grantedMounts(c.Mounts, host.VolumesFrom),
		Security:     grantedSecurity(host),
	}
}

func grantedNetwork(mode container.NetworkMode) string {
	if mode == "host" || mode == "none" || mode.IsContainer() {
		return string(mode)
	}
	return ""
}

// grantedNamespaces leaves the cgroup namespace out: "host" is the default where cgroups are of
// version 1, an inspection does not tell the default from a wish, and it only shows names.
func grantedNamespaces(host *container.HostConfig) []string {
	var granted []string
	for _, n := range []struct{ name, mode string }{
		{"pid", string(host.PidMode)},
		{"ipc", string(host.IpcMode)},
		{"uts", string(host.UTSMode)},
		{"userns", string(host.UsernsMode)},
		{"cgroup", string(host.Cgroup)},
	} {
		if n.mode == "host" || strings.HasPrefix(n.mode, "container:") {
			granted = append(granted, n.name+"="+n.mode)
		}
	}
	return granted
}

func grantedDevices(r container.Resources) []string {
	var granted []string
	for _, d := range r.Devices {
		granted = append(granted, d.PathOnHost+":"+d.PathInContainer)
	}
	for _, d := range r.DeviceRequests {
		granted = append(granted, deviceRequest(d))
	}
	for _, rule := range r.DeviceCgroupRules {
		granted = append(granted, "rule "+rule)
	}
	return granted
}

// deviceRequest writes what --gpus and its like asked for: "gpu: all", "nvidia: 2", "nvidia: GPU-1,GPU-2".
func deviceRequest(d container.DeviceRequest) string {
	kind := d.Driver
	if kind == "" && len(d.Capabilities) > 0 {
		kind = strings.Join(d.Capabilities[0], "+")
	}
	kind = cmp.Or(kind, "device")
	switch {
	case len(d.DeviceIDs) > 0:
		return kind + ": " + strings.Join(d.DeviceIDs, ",")
	case d.Count < 0:
		return kind + ": all"
	}
	return fmt.Sprintf("%s: %d", kind, d.Count)
}

// anonymousVolume is a name that Docker made up.
var anonymousVolume = regexp.MustCompile(`^[0-9a-f]{64}$`)

// grantedMounts returns the mounts that a copy would share with the original. Anonymous volumes
// and tmpfs are each container's own.
func grantedMounts(mounts []container.MountPoint, volumesFrom []string) []string {
	var granted []string
	for _, m := range mounts {
		source := m.Source
		switch m.Type {
		case mount.TypeTmpfs:
			continue
		case mount.TypeVolume:
			if anonymousVolume.MatchString(m.Name) {
				continue
			}
			source = m.Name
		}
		granted = append(granted, source+":"+m.Destination)
	}
	for _, from := range volumesFrom {
		granted = append(granted, "volumes-from="+from)
	}
	return granted
}

func grantedSecurity(host *container.HostConfig) []string {
	var granted []string
	for _, option := range host.SecurityOpt {
		if loosens(option) {
			granted = append(granted, option)
		}
	}
	// The docker command turns systempaths=unconfined into two empty lists; a plain container has
	// Docker's own lists, a privileged one none at all.
	if !host.Privileged && host.MaskedPaths != nil && len(host.MaskedPaths) == 0 {
		granted = append(granted, "systempaths=unconfined")
	}
	return granted
}

// falsehoods are what Docker reads as false.
var falsehoods = []string{"0", "f", "F", "false", "FALSE", "False"}

// loosens tells whether a security option takes confinement away: seccomp=unconfined, label=disable
// and writable-cgroups do, also in the old writing with a colon; no-new-privileges and profiles do not.
func loosens(option string) bool {
	key, value, ok := strings.Cut(option, "=")
	if !ok {
		key, value, _ = strings.Cut(option, ":")
	}
	return value == "unconfined" || key == "label" && value == "disable" ||
		key == "writable-cgroups" && !slices.Contains(falsehoods, value)
}
