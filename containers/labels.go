package containers

import "time"

//go:generate go test -run ^TestLabelsPage$ -update .

// scope says whose a label is.
type scope string

const (
	// A container's own.
	scopeContainer scope = "container"
	// A setting of its whole pool, which may stand in the configuration as well.
	scopePool scope = "pool"
	// Set by Ballast on the containers that it makes.
	scopeClone scope = "clone"
)

// label defines one label. Parsing, defaults, the configuration's pool settings and docs/labels.md
// are all made from the table below.
type label struct {
	// name is without the prefix.
	name  string
	scope scope
	// initial is the default as text: what is not set is as if it were set to this. Where that can't
	// be written as a value, unset says in words what happens.
	initial, unset string
	// meaning is for docs/labels.md.
	meaning string
	// setting parses a label of scope pool, own one of the other scopes.
	setting func(*Settings, string) error
	own     func(*labels, string) error
}

const (
	day  = 24 * time.Hour
	most = 1_000_000
)

var table = []label{
	{
		name: "enable", scope: scopeContainer,
		meaning: "`true` joins. Anything else: ignored.",
		own:     func(*labels, string) error { return nil },
	},
	{
		name: "pool", scope: scopeContainer, initial: "default",
		meaning: "Name of the pool it joins: 1 to 63 of `a-z`, `0-9` and `-`.",
		own:     text(poolPattern, "1 to 63 of a-z, 0-9 and '-', not beginning with '-'", func(l *labels) *string { return &l.pool }),
	},
	{
		name: "weight", scope: scopeContainer, initial: "1",
		meaning: "Share of the traffic, relative to the others: 0 to 256. 0 drains it.",
		own:     whole(0, 256, func(l *labels) *int { return &l.weight }),
	},
	{
		name: "port", scope: scopeContainer, unset: "the one exposed TCP port",
		meaning: "Port it serves on, exposed or not. Needed when it exposes none or several.",
		own:     whole(1, 65535, func(l *labels) *int { return &l.port }),
	},
	{
		name: "scheme", scope: scopeContainer, initial: "http",
		meaning: "What it speaks: `http`, `https` (its certificate is not checked: the address is from the engine) or `h2c` (HTTP/2 without TLS).",
		own:     parseScheme,
	},
	{
		name: "network", scope: scopeContainer, unset: "one shared with Ballast",
		meaning: "Which of its networks to dial. Needed when Ballast runs on the host and the container has several.",
		own:     text(namePattern, "the name of a network", func(l *labels) *string { return &l.network }),
	},
	{
		name: "policy", scope: scopePool, initial: "weighted",
		meaning: "Who gets the next request: `weighted` (smooth), `round-robin`, `random` (weighted), `least-request` (weighted).",
		setting: oneOf(func(s *Settings) *string { return &s.Policy }, "weighted", "round-robin", "random", "least-request"),
	},
	{
		name: "sticky", scope: scopePool, initial: "false",
		meaning: "`true` keeps a client at its backend with a cookie.",
		setting: yesNo(func(s *Settings) *bool { return &s.Sticky.Enabled }),
	},
	{
		name: "sticky.ttl", scope: scopePool, initial: "1h",
		meaning: "How long that cookie lasts.",
		setting: span(time.Second, 365*day, func(s *Settings) *time.Duration { return &s.Sticky.TTL }),
	},
	{
		name: "sticky.cookie", scope: scopePool, initial: "ballast_affinity",
		meaning: "Name of that cookie.",
		setting: text(tokenPattern, "1 to 64 letters, digits or any of !#$%&'*+-.^_`|~", func(s *Settings) *string { return &s.Sticky.Cookie }),
	},
	{
		name: "health.path", scope: scopePool,
		meaning: "Path of the active HTTP check. Not set: a check is a connection attempt.",
		setting: text(pathPattern, `a plain path such as "/health": no host, query, fragment, space or control character`, func(s *Settings) *string { return &s.Health.Path }),
	},
	{
		name: "health.interval", scope: scopePool, initial: "10s",
		meaning: "Time between checks.",
		setting: span(10*time.Millisecond, day, func(s *Settings) *time.Duration { return &s.Health.Interval }),
	},
	{
		name: "health.timeout", scope: scopePool, initial: "2s",
		meaning: "A check that takes longer fails.",
		setting: span(time.Millisecond, day, func(s *Settings) *time.Duration { return &s.Health.Timeout }),
	},
	{
		name: "health.status", scope: scopePool, initial: "200-399",
		meaning: "Status, or range of them, that passes.",
		setting: parseStatus,
	},
	{
		name: "health.max-latency", scope: scopePool, initial: "off",
		meaning: "A check that answers later than this fails although it answered.",
		setting: orOff(func(s *Settings) { s.Health.MaxLatency = 0 },
			span(time.Millisecond, day, func(s *Settings) *time.Duration { return &s.Health.MaxLatency })),
	},
	{
		name: "health.fall", scope: scopePool, initial: "3",
		meaning: "Failures in a row that make a backend unhealthy.",
		setting: whole(1, 1000, func(s *Settings) *int { return &s.Health.Fall }),
	},
	{
		name: "health.rise", scope: scopePool, initial: "2",
		meaning: "Passes in a row that make it healthy again.",
		setting: whole(1, 1000, func(s *Settings) *int { return &s.Health.Rise }),
	},
	{
		name: "concurrency", scope: scopePool, initial: "0",
		meaning: "Requests that one backend should serve at once, the target of scaling. 0: none. Not set in a pool that scales: 20.",
		setting: whole(0, most, func(s *Settings) *int { return &s.Concurrency }),
	},
	{
		name: "timeout", scope: scopePool, initial: "30s",
		meaning: "How long a backend may take to the headers of its response.",
		setting: span(time.Millisecond, day, func(s *Settings) *time.Duration { return &s.Timeout }),
	},
	{
		name: "timeout.connect", scope: scopePool, initial: "2s",
		meaning: "How long it may take to accept a connection.",
		setting: span(time.Millisecond, day, func(s *Settings) *time.Duration { return &s.ConnectTimeout }),
	},
	{
		name: "retries", scope: scopePool, initial: "1",
		meaning: "Extra attempts on *other* backends after one that could not be connected to.",
		setting: whole(0, 10, func(s *Settings) *int { return &s.Retries }),
	},
	{
		name: "scale.min", scope: scopePool, initial: "1",
		meaning: "Fewest replicas, those that Ballast did not make included.",
		setting: whole(0, most, func(s *Settings) *int { return &s.Scale.Min }),
	},
	{
		name: "scale.max", scope: scopePool, initial: "0",
		meaning: "Most replicas, those that Ballast did not make included. 0: never scales.",
		setting: whole(0, most, func(s *Settings) *int { return &s.Scale.Max }),
	},
	{
		name: "scale.template", scope: scopeContainer, unset: "the lowest name that runs",
		meaning: "`true`: clones of the pool are made from this one.",
		own:     yesNo(func(l *labels) *bool { return &l.template }),
	},
	{
		name: "scale.image", scope: scopePool, unset: "the template's",
		meaning: "Image of the clones.",
		setting: text(imagePattern, `the reference of an image, such as "shop/web:1.4"`, func(s *Settings) *string { return &s.Scale.Image }),
	},
	{
		name: "scale.requests", scope: scopePool, initial: "off",
		meaning: "The classic rule, `20/15s`: more requests than this in that time add one replica.",
		setting: orOff(func(s *Settings) { s.Scale.Requests = Rate{} }, parseRate),
	},
	{
		name: "scale.hold-down", scope: scopePool, initial: "60s",
		meaning: "How long demand must stay low before replicas are removed.",
		setting: span(time.Millisecond, day, func(s *Settings) *time.Duration { return &s.Scale.HoldDown }),
	},
	{
		name: "scale.dry-run", scope: scopePool, initial: "false",
		meaning: "`true` decides and explains, and does not act.",
		setting: yesNo(func(s *Settings) *bool { return &s.Scale.DryRun }),
	},
	{
		name: "drain.timeout", scope: scopePool, initial: "30s",
		meaning: "Longest wait for requests in flight before a clone is stopped.",
		setting: span(time.Millisecond, day, func(s *Settings) *time.Duration { return &s.DrainTimeout }),
	},
	{
		name: "clone", scope: scopeClone,
		meaning: "`true`: Ballast made this container, and may stop and remove it.",
		own:     yesNo(func(l *labels) *bool { return &l.cloned }),
	},
	{
		name: "owner", scope: scopeClone,
		meaning: "The instance that made it.",
		own:     text(ownerPattern, "the name of an instance", func(l *labels) *string { return &l.owner }),
	},
	{
		name: "template", scope: scopeClone,
		meaning: "Name of the container that it was made from.",
		own:     text(namePattern, "the name of a container", func(l *labels) *string { return &l.origin }),
	},
	{
		name: "slot", scope: scopeClone,
		meaning: "Its number in the pool, from 1; its name is `ballast-<pool>-<slot>`.",
		own:     whole(1, most, func(l *labels) *int { return &l.slot }),
	},
}

// byName finds a definition; positions in the table give an order to what a map has lost it for.
var byName = func() map[string]*label {
	m := make(map[string]*label, len(table))
	for i := range table {
		m[table[i].name] = &table[i]
	}
	return m
}()

// DefaultSettings are those of a pool that sets nothing.
func DefaultSettings() Settings { return defaultSettings }

var (
	defaultSettings Settings
	defaultLabels   labels
)

// A test proves that every default of the table parses.
func init() {
	for _, l := range table {
		switch {
		case l.initial == "":
		case l.setting != nil:
			_ = l.setting(&defaultSettings, l.initial)
		default:
			_ = l.own(&defaultLabels, l.initial)
		}
	}
}
