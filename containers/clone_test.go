package containers

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ballast-lb/ballast/engine"
)

func TestCloneName(t *testing.T) {
	if got := CloneName("web-api", 12); got != "ballast-web-api-12" {
		t.Errorf("CloneName() = %s", got)
	}
}

func TestCloneLabels(t *testing.T) {
	template := map[string]string{
		"lb.enable": "true", "lb.pool": "web", "lb.scale.template": "true", "lb.scale.max": "5",
		"com.docker.compose.project": "shop", "com.docker.compose.service": "web",
		"com.docker.composer": "kept", "team": "red", "ballast.scale.template": "of another prefix",
	}
	want := map[string]string{
		"lb.enable": "true", "lb.pool": "web", "lb.scale.max": "5",
		"com.docker.composer": "kept", "team": "red", "ballast.scale.template": "of another prefix",
		"lb.clone": "true", "lb.owner": "here", "lb.template": "web-a", "lb.slot": "3",
		"lb.revision": "0123456789ab",
	}
	c := Clone{Owner: "here", Template: "web-a", Slot: 3, Revision: "0123456789ab"}
	got := cloneLabels("lb", template, c)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("cloneLabels() (-want +got):\n%s", diff)
	}
	l, err := parseLabels("lb", got)
	if err != nil {
		t.Fatalf("the labels of a clone do not parse: %v", err)
	}
	if diff := cmp.Diff(&c, l.clone); diff != "" {
		t.Errorf("what is read from them (-want +got):\n%s", diff)
	}
}

func TestOwnedBy(t *testing.T) {
	const clone = "ballast-web-2"
	with := func(key, value string) map[string]string {
		labels := map[string]string{"ballast.pool": "web", "ballast.clone": "true", "ballast.owner": "here", "ballast.slot": "2"}
		labels[key] = value
		return labels
	}
	tests := []struct {
		name      string
		container string
		labels    map[string]string
		want      bool
	}{
		{"ours", clone, with("team", "red"), true},
		{"ours in the pool that needs no label", "ballast-default-2", with("ballast.pool", ""), true},
		{"another's", clone, with("ballast.owner", "there"), false},
		{"an original", clone, map[string]string{"ballast.enable": "true"}, false},
		{"not quite a clone", clone, with("ballast.clone", "false"), false},
		{"of another prefix", clone, map[string]string{"lb.pool": "web", "lb.clone": "true", "lb.owner": "here", "lb.slot": "2"}, false},
		{"none", clone, nil, false},
		{"from an image that was committed from a clone", "mine", with("team", "red"), false},
		{"of another slot", clone, with("ballast.slot", "3"), false},
		{"of another pool", clone, with("ballast.pool", "api"), false},
		{"of a slot that is none", "ballast-web-0", with("ballast.slot", "x"), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := ownedBy(engine.Summary{Name: tt.container, Labels: tt.labels}, DefaultPrefix, "here"); got != tt.want {
				t.Errorf("ownedBy() = %v, want %v", got, tt.want)
			}
		})
	}
}
