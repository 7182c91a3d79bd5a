package containers

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/ballast-lb/ballast/engine"
)

// CloneName is the name of the container in a slot of a pool. Since a name is taken once, making
// the same clone twice is a conflict and never a double.
func CloneName(pool string, slot int) string {
	return "ballast-" + pool + "-" + strconv.Itoa(slot)
}

// composeLabels begin the labels by which compose knows its own containers: with them `compose up`
// would recreate or remove clones as strangers of its project.
const composeLabels = "com.docker.compose."

// cloneLabels is the complete set of labels of a clone: the template's, without what would make the
// clone a template or a part of a compose project, and with who made it.
func cloneLabels(prefix Prefix, template map[string]string, c Clone) map[string]string {
	set := make(map[string]string, len(template)+5)
	for key, value := range template {
		if key != prefix.Key("scale.template") && !strings.HasPrefix(key, composeLabels) {
			set[key] = value
		}
	}
	set[prefix.Key("clone")] = "true"
	set[prefix.Key("owner")] = c.Owner
	set[prefix.Key("template")] = c.Template
	set[prefix.Key("slot")] = strconv.Itoa(c.Slot)
	delete(set, prefix.Key("revision"))
	if c.Revision != "" {
		set[prefix.Key("revision")] = c.Revision
	}
	return set
}

// ownedBy says whether a container is a clone that this instance made: the only ones that it may
// stop and remove. Labels alone do not tell: an image that was committed from a clone hands them on to
// whatever runs from it. The name of a slot it can't hand on.
func ownedBy(c engine.Summary, prefix Prefix, instance string) bool {
	slot, err := strconv.Atoi(c.Labels[prefix.Key("slot")])
	return isClone(c, prefix) && c.Labels[prefix.Key("owner")] == instance &&
		err == nil && c.Name == CloneName(poolOf(c, prefix), slot)
}

// poolOf is the pool that a container's labels name.
func poolOf(c engine.Summary, prefix Prefix) string {
	return cmp.Or(c.Labels[prefix.Key("pool")], defaultLabels.pool)
}

// isClone says whether some Ballast made the container.
func isClone(c engine.Summary, prefix Prefix) bool {
	return c.Labels[prefix.Key("clone")] == "true"
}
