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
	}
	got := cloneLabels("lb", template, Clone{Owner: "here", Template: "web-a", Slot: 3})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("cloneLabels() (-want +got):\n%s", diff)
	}
	l, err := parseLabels("lb", got)
	if err != nil {
		t.Fatalf("the labels of a clone do not parse: %v", err)
	}
	if diff := cmp.Diff(&Clone{Owner: "here", Template: "web-a", Slot: 3}, l.clone); diff != "" {
		t.Errorf("what is read from them (-want +got):\n%s", diff)
	}
}

func TestOwnedBy(t *testing.T) {
	tests := []struct {
		name   string
		labels map[string]string
		want   bool
	}{
		{"ours", map[string]string{"ballast.clone": "true", "ballast.owner": "here"}, true},
		{"another's", map[string]string{"ballast.clone": "true", "ballast.owner": "there"}, false},
		{"an original", map[string]string{"ballast.enable": "true"}, false},
		{"no clone", map[string]string{"ballast.owner": "here"}, false},
		{"not quite a clone", map[string]string{"ballast.clone": "false", "ballast.owner": "here"}, false},
		{"of another prefix", map[string]string{"lb.clone": "true", "lb.owner": "here"}, false},
		{"none", nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := ownedBy(engine.Summary{Labels: tt.labels}, DefaultPrefix, "here"); got != tt.want {
				t.Errorf("ownedBy() = %v, want %v", got, tt.want)
			}
		})
	}
}
