package containers

import "slices"

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
// are all made from the table.
type label struct {
	// name is without the prefix.
	name  string
	scope scope
	// initial is the default as text: what is not set is as if it were set to this. Where that can't
	// be written as a value, unset says in words what happens.
	initial, unset string
	// example is a value that somebody may want to set, and meaning says what it does, for docs/labels.md.
	example, meaning string
	// setting parses a label of scope pool, own one of the other scopes.
	setting func(*Settings, string) error
	own     func(*labels, string) error
}

// table has every label, in the order in which people are shown them.
var table = slices.Concat(ownTable, poolTable, cloneTable)

// ownTable has the labels of a container itself.
var ownTable = []label{
	{
		name: "enable", scope: scopeContainer,
		example: "true",
		meaning: "`true` joins. Anything else: ignored.",
		own:     func(*labels, string) error { return nil },
	},
	{
		name: "pool", scope: scopeContainer, initial: "default",
		example: "web",
		meaning: "Name of the pool it joins: 1 to 63 of `a-z`, `0-9` and `-`.",
		own:     text(poolPattern, "1 to 63 of a-z, 0-9 and '-', not beginning with '-'", func(l *labels) *string { return &l.pool }),
	},
	{
		name: "weight", scope: scopeContainer, initial: "1",
		example: "3",
		meaning: "Share of the traffic, relative to the others: 0 to 256. 0 drains it.",
		own:     whole(0, 256, func(l *labels) *int { return &l.weight }),
	},
	{
		name: "port", scope: scopeContainer, unset: "the one exposed TCP port",
		example: "3000",
		meaning: "Port it serves on, exposed or not. Needed when it exposes none or several.",
		own:     whole(1, 65535, func(l *labels) *int { return &l.port }),
	},
	{
		name: "scheme", scope: scopeContainer, initial: "http",
		example: "h2c",
		meaning: "What it speaks: `http`, `https` (its certificate is not checked: the address is from the engine) or `h2c` (HTTP/2 without TLS).",
		own:     parseScheme,
	},
	{
		name: "network", scope: scopeContainer, unset: "one shared with Ballast",
		example: "backend",
		meaning: "Which of its networks to dial. Needed when Ballast runs on the host and the container has several.",
		own:     text(namePattern, "the name of a network", func(l *labels) *string { return &l.network }),
	},
	{
		name: "scale.template", scope: scopeContainer, unset: "the lowest name that runs",
		example: "true",
		meaning: "`true`: clones of the pool are made from this one.",
		own:     yesNo(func(l *labels) *bool { return &l.template }),
	},
	{
		name: "heal", scope: scopeContainer, unset: "`false`",
		example: HealReplace,
		meaning: "`true`: its clones are replaced when they stay unhealthy. `restart`: it is restarted as well.",
		own:     oneOf(func(l *labels) *string { return &l.heal }, "false", HealReplace, HealRestart),
	},
}

// cloneTable has the labels that Ballast sets.
var cloneTable = []label{
	{
		name: "clone", scope: scopeClone,
		example: "true",
		meaning: "`true`: Ballast made this container, and may stop and remove it.",
		own:     yesNo(func(l *labels) *bool { return &l.cloned }),
	},
	{
		name: "owner", scope: scopeClone,
		example: "lb-1",
		meaning: "The instance that made it.",
		own:     text(ownerPattern, "the name of an instance", func(l *labels) *string { return &l.owner }),
	},
	{
		name: "template", scope: scopeClone,
		example: "web-a",
		meaning: "Name of the container that it was made from.",
		own:     text(namePattern, "the name of a container", func(l *labels) *string { return &l.origin }),
	},
	{
		name: "slot", scope: scopeClone,
		example: "2",
		meaning: "Its number in the pool, from 1; its name is `ballast-<pool>-<slot>`.",
		own:     whole(1, most, func(l *labels) *int { return &l.slot }),
	},
	{
		name: "revision", scope: scopeClone,
		example: "0f3a9c5d7b21",
		meaning: "A hash of the image and the configuration that it was made from; when that of its template is another one, it is replaced.",
		own:     text(revisionPattern, "12 of 0-9 and a-f", func(l *labels) *string { return &l.revision }),
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
