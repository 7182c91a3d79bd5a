package containers

import (
	"slices"
	"testing"

	"github.com/ballast-lb/ballast/engine"
)

func TestBuild_says_which_clones_are_stale(t *testing.T) {
	type change = func(*engine.Container)
	image := func(id string) change { return func(c *engine.Container) { c.ImageID = id } }
	label := func(key, value string) change {
		return func(c *engine.Container) {
			if c.Labels["ballast."+key] = value; value == "" {
				delete(c.Labels, "ballast."+key)
			}
		}
	}
	tests := []struct {
		name string
		// template and clone change what was alike; beside is another original of the pool.
		template, clone change
		beside          change
		want            string
	}{
		{name: "nothing changed"},
		{name: "another image", template: image("sha256:2"), want: staleImage},
		{name: "another configuration", template: func(c *engine.Container) { c.ConfigHash = "2" }, want: staleConfig},
		{name: "another label of the container", template: label("weight", "3"), want: staleConfig},
		{name: "another label of somebody else's", template: func(c *engine.Container) { c.Labels["team"] = "red" }, want: staleConfig},
		{name: "another setting of the pool", template: label("scale.max", "7")},
		{name: "another project", template: func(c *engine.Container) { c.Labels["com.docker.compose.project"] = "shop" }},
		{name: "started again", template: func(c *engine.Container) { c.ID, c.StartedAt = "id-again", began.Add(1) }},
		{name: "an image of its own", template: label("scale.image", "web:2"), want: staleImage},
		{name: "no scaling", template: func(c *engine.Container) { label("scale.max", "")(c); image("sha256:2")(c) }},
		{name: "no revision", clone: label("revision", "")},
		{name: "no revision, another image", clone: label("revision", ""), template: image("sha256:2"), want: staleImage},
		{name: "no revision, an image of its own", clone: label("revision", ""), template: label("scale.image", "web:2")},
		{name: "no revision, an engine that tells no images", clone: func(c *engine.Container) { label("revision", "")(c); image("")(c) }},
		{name: "a bad revision", clone: label("revision", "new")},
		{
			name: "another one stands in", beside: func(c *engine.Container) { c.ConfigHash = "2" },
			template: func(c *engine.Container) { c.State = engine.StateExited },
		},
		{
			name: "another one is the template now", want: staleConfig,
			beside: func(c *engine.Container) { c.ConfigHash = "2"; label("scale.template", "true")(c) },
		},
		{
			name: "the template is gone", want: staleConfig,
			beside:   func(c *engine.Container) { c.ConfigHash = "2" },
			template: func(c *engine.Container) { c.Labels["ballast.enable"] = "false" },
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			like := func(name string, labels ...string) engine.Container {
				c := container(name, append(labels, "scale.max=5")...)
				c.ImageID, c.ConfigHash = "sha256:1", "1"
				return c
			}
			template := like("web-a")
			revision := revisionOf("ballast", &template, "")
			clone := like("ballast-default-1", append(cloneOf("lb", "web-a", 1), "revision="+revision)...)
			all := []*engine.Container{&template, &clone}
			beside := like("web-b")
			if tt.beside != nil {
				tt.beside(&beside)
				all = append(all, &beside)
			}
			if tt.template != nil {
				tt.template(&template)
			}
			if tt.clone != nil {
				tt.clone(&clone)
			}
			var in []engine.Container
			for _, c := range all {
				in = append(in, *c)
			}
			s := Build(input(in...))
			i := slices.IndexFunc(s.Entries, func(e Entry) bool { return e.Clone != nil })
			if got := s.Entries[i].Stale; got != tt.want {
				t.Errorf("Stale = %q, want %q", got, tt.want)
			}
		})
	}
}
