package docker

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
)

// cloneConfig copies what the process of a container is run with. What names the original (its
// host name, its MAC address, its labels) and what ties it to a terminal is not copied.
func cloneConfig(original *container.Config, labels map[string]string) *container.Config {
	return &container.Config{
		Domainname:      original.Domainname,
		User:            original.User,
		ExposedPorts:    original.ExposedPorts,
		Env:             original.Env,
		Cmd:             original.Cmd,
		Healthcheck:     original.Healthcheck,
		ArgsEscaped:     original.ArgsEscaped,
		Volumes:         original.Volumes,
		WorkingDir:      original.WorkingDir,
		Entrypoint:      original.Entrypoint,
		NetworkDisabled: original.NetworkDisabled,
		StopSignal:      original.StopSignal,
		StopTimeout:     original.StopTimeout,
		Shell:           original.Shell,
		Labels:          labels,
	}
}

// cloneHost copies resource limits and confinement. It names what is copied, so that no grant of
// the original, and none that Docker may yet invent, reaches a copy.
func cloneHost(original *container.HostConfig) *container.HostConfig {
	host := &container.HostConfig{
		LogConfig:      original.LogConfig,
		RestartPolicy:  container.RestartPolicy{Name: container.RestartPolicyDisabled},
		Annotations:    original.Annotations,
		CapDrop:        original.CapDrop,
		DNS:            original.DNS,
		DNSOptions:     original.DNSOptions,
		DNSSearch:      original.DNSSearch,
		ExtraHosts:     original.ExtraHosts,
		GroupAdd:       original.GroupAdd,
		OomScoreAdj:    original.OomScoreAdj,
		ReadonlyRootfs: original.ReadonlyRootfs,
		SecurityOpt:    slices.DeleteFunc(slices.Clone(original.SecurityOpt), loosens),
		StorageOpt:     original.StorageOpt,
		Tmpfs:          original.Tmpfs,
		Mounts:         slices.DeleteFunc(slices.Clone(original.Mounts), shared),
		ShmSize:        original.ShmSize,
		Sysctls:        original.Sysctls,
		Runtime:        original.Runtime,
		Isolation:      original.Isolation,
		Init:           original.Init,
		Resources:      original.Resources,
	}
	host.Devices, host.DeviceRequests, host.DeviceCgroupRules = nil, nil, nil
	if original.IpcMode.IsPrivate() || original.IpcMode.IsNone() {
		host.IpcMode = original.IpcMode
	}
	if original.CgroupnsMode.IsPrivate() {
		host.CgroupnsMode = original.CgroupnsMode
	}
	return host
}

// configHash is of what cloneConfig and cloneHost copy, in whatever order the environment was set.
func configHash(c container.InspectResponse) string {
	config := cloneConfig(c.Config, nil)
	config.Env = slices.Sorted(slices.Values(config.Env))
	// Values that came as JSON can be written as such.
	copied, _ := json.Marshal([]any{config, cloneHost(c.HostConfig)})
	sum := sha256.Sum256(copied)
	return hex.EncodeToString(sum[:])
}

// shared tells whether a mount shows the same files to every container that has it.
func shared(m mount.Mount) bool {
	return m.Type != mount.TypeTmpfs && (m.Type != mount.TypeVolume || m.Source != "")
}
