package config

// live are the keys that can change while Ballast runs. pools.<name>.<label> can too.
var live = map[string]bool{
	"trusted-proxies": true, "access-log.sample": true,
	"scale.max-containers": true, "scale.memory-headroom": true,
	"on-exit": true, "shutdown.timeout": true, "log.level": true,
}

// Live says that the key can change while Ballast runs: what needs a new start is told by Pending.
func (k Key) Live() bool { return live[k.Name] }

// Pending are the keys, in the order of Keys, whose values in next need a new start to count.
func (c Config) Pending(next Config) []string {
	var names []string
	for _, k := range Keys() {
		if !k.Live() && c.texts[k.Name] != next.texts[k.Name] {
			names = append(names, k.Name)
		}
	}
	return names
}

// With is c with the values of next for what can change while Ballast runs.
func (c Config) With(next Config) Config {
	c.TrustedProxies, c.AccessLog.Sample = next.TrustedProxies, next.AccessLog.Sample
	c.MaxContainers, c.MemoryHeadroom = next.MaxContainers, next.MemoryHeadroom
	c.OnExit, c.ShutdownTimeout, c.LogLevel = next.OnExit, next.ShutdownTimeout, next.LogLevel
	c.Pools, c.Warnings = next.Pools, next.Warnings
	return c
}
