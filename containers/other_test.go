package containers

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ballast-lb/ballast/engine"
)

func TestOther_Why(t *testing.T) {
	const remedy = "if it is to serve, recreate it with the label ballast.enable=true"
	tests := []struct {
		name   string
		labels map[string]string
		want   string
	}{
		{"a stranger", map[string]string{"com.docker.compose.service": "db"}, "does not have the label ballast.enable=true"},
		{"no labels", nil, "does not have the label ballast.enable=true"},
		{"turned off", map[string]string{"ballast.enable": "false"}, `has ballast.enable="false", and only "true" joins`},
		{"another word", map[string]string{"ballast.enable": "True", "ballast.enabled": "true"}, `has ballast.enable="True", and only "true" joins`},
		{"near in our prefix", map[string]string{"ballast.enabled": "true"}, "has the label ballast.enabled, which means nothing here; did you mean ballast.enable?"},
		{"near outside of it", map[string]string{"balast.enable": "true"}, "has the label balast.enable, which means nothing here; did you mean ballast.enable?"},
		{"capitals", map[string]string{"BALLAST.ENABLE": "true"}, "has the label BALLAST.ENABLE, which means nothing here; did you mean ballast.enable?"},
		{"two that are near", map[string]string{"ballast-enable": "true", "ballast_enable": "true"}, "has the label ballast-enable, which means nothing here; did you mean ballast.enable?"},
		{"of another program", map[string]string{"traefik.enable": "true"}, "does not have the label ballast.enable=true"},
		{"the rest of ours", map[string]string{"ballast.pool": "web"}, "has labels of Ballast, but not ballast.enable=true"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := newOther("ballast", engine.Summary{ID: "id", Labels: tt.labels}, "self")
			if reason, what := o.Why("ballast"); reason != tt.want || what != remedy {
				t.Errorf("Why() = %s; %s\nwant %s; %s", reason, what, tt.want, remedy)
			}
			for key := range o.Labels {
				if !strings.HasPrefix(key, "ballast.") {
					t.Errorf("it keeps the label %s, which is not ours", key)
				}
			}
		})
	}
	t.Run("Ballast's own", func(t *testing.T) {
		reason, what := newOther("ballast", engine.Summary{ID: "self"}, "self").Why("ballast")
		if reason != reasonSelf || what != "" {
			t.Errorf("Why() = %s; %s, want %s", reason, what, reasonSelf)
		}
	})
}

// Containers that are none of ours come and go without a new snapshot.
func TestReconciler_Others(t *testing.T) {
	stranger := changed(container("db"), func(c *engine.Container) { c.Labels = map[string]string{"ballast.enabled": "true", "password": "hush"} })
	play(t, newScript(container("a"), stranger), ReconcilerOptions{}, func(t *testing.T, st *stage) {
		want := []Other{{
			ID: "id-db", Name: "db", Image: "web", State: engine.StateRunning,
			Labels: map[string]string{"ballast.enabled": "true"}, Near: "ballast.enabled",
		}}
		if diff := cmp.Diff(want, st.r.Others()); diff != "" {
			t.Errorf("Others() differs (-want +got):\n%s", diff)
		}
		st.remove("id-db")
		other := container("cron")
		other.Labels = nil
		st.run(other)
		pass(time.Second)
		if got := st.r.Others(); len(got) != 1 || got[0].Name != "cron" {
			t.Errorf("Others() = %+v, want cron alone", got)
		}
		st.set(func(s *script) { s.gone = true })
		pass(time.Minute)
		if got := st.r.Others(); len(got) != 1 {
			t.Errorf("Others() = %+v without an engine, want what was last known", got)
		}
		if len(st.published) != 1 {
			t.Errorf("%d snapshots published, want 1", len(st.published))
		}
	})
}

func BenchmarkNewOther(b *testing.B) {
	labels := map[string]string{"ballast.enabled": "true", "traefik.enable": "true"}
	for i := range 20 {
		labels[fmt.Sprintf("com.docker.compose.%d", i)] = "x"
	}
	s := engine.Summary{ID: "id", Labels: labels}
	for b.Loop() {
		newOther("ballast", s, "self")
	}
}
