package containers

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"github.com/ballast-lb/ballast/engine"
)

// revisionLength is how much of a hash tells the revisions of one pool apart.
const revisionLength = 12

// revisionOf is a short hash of all that makes a clone of the template what it is: the images, what the engine copies, and the
// labels. What the labels say of the whole pool is not part of it, for clones have no say in that, nor is the template's name.
func revisionOf(prefix Prefix, template *engine.Container, image string) string {
	labels := cloneLabels(prefix, template.Labels, Clone{})
	for i := range poolTable {
		delete(labels, prefix.Key(poolTable[i].name))
	}
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q", template.ImageID, image, template.ConfigHash)
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		fmt.Fprintf(h, " %q=%q", key, labels[key])
	}
	return hex.EncodeToString(h.Sum(nil))[:revisionLength]
}

// What Entry.Stale says.
const (
	staleImage  = "made from an older image"
	staleConfig = "made from an older configuration"
)

// judge sets the pool's revision, and finds the clones, by ID, that were made from another one.
func (p *Pool) judge(prefix Prefix, members []member) (stale map[string]string) {
	templates := make(map[string]member)
	var template *engine.Container
	for _, m := range originals(members) {
		templates[m.container.Name] = m
		if m.container.ID == p.Template {
			template = m.container
		}
	}
	if template == nil || p.Settings.Scale.Max == 0 {
		return nil
	}
	image := p.Settings.Scale.Image
	p.Revision = revisionOf(prefix, template, image)
	stale = make(map[string]string)
	for _, m := range members {
		clone := m.labels.clone
		if clone == nil {
			continue
		}
		c := m.container
		otherID := image == "" && c.ImageID != template.ImageID && c.ImageID != "" && template.ImageID != ""
		own, there := templates[clone.Template]
		switch {
		case clone.Revision == p.Revision:
		case clone.Revision == "" && !otherID:
			// It was made by an earlier version, which did not say from what.
		case there && !own.routed && clone.Revision == revisionOf(prefix, own.container, image):
			// What it was made from is only stopped, and another one stands in.
		case otherID, image != "" && c.Image != image:
			stale[c.ID] = staleImage
		default:
			stale[c.ID] = staleConfig
		}
	}
	return stale
}
