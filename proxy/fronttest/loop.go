package fronttest

import (
	"strings"
	"testing"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
)

var loopTests = []test{
	{"tells by CDN-Loop that it came by", testLoopToken},
	{"refuses what came by too often", testPasses},
	{"ends a loop", testRealLoop},
	{"takes nobody for itself without a token", testNoToken},
}

func testLoopToken(t *testing.T, h Harness) {
	loop := func(want string) map[string]string { return map[string]string{"Cdn-Loop": want} }
	backend := NewOK(t)
	s := NewSite(t, h, Settings(), edge(), backend.Address)
	arrive(t, s, backend, []edgeTest{
		{"the first", "", loop("here")},
		{"others are kept", "CDN-Loop: other; v=1, third\r\nCDN-Loop: \"a\"\r\n", loop(`other; v=1, third, "a", here`)},
		{"what was here goes by again", "CDN-Loop: here\r\n", loop("here, here")},
		{"nothing of nothing", "CDN-Loop: ,,\r\n", loop("here")},
		{"Connection can't remove it", "Connection: cdn-loop\r\nCDN-Loop: here\r\n", loop("here, here")},
	})
}

func testPasses(t *testing.T, h Harness) {
	passes := func(token string, n int) string { return strings.TrimSuffix(strings.Repeat(token+", ", n), ", ") }
	tests := []struct {
		name, sent string
		status     int
	}{
		{"one less", passes("here", proxy.MaxPasses-1), 200},
		{"as often as it may", passes("here", proxy.MaxPasses), 508},
		{"with parameters and capitals", passes("HERE;a=b", proxy.MaxPasses), 508},
		{"in lines", strings.ReplaceAll(passes("here", proxy.MaxPasses), ", ", "\r\nCDN-Loop: "), 508},
		{"behind a quote that does not end", `a;b="` + passes(", here", proxy.MaxPasses), 508},
		{"Connection asks to remove it", passes("here", proxy.MaxPasses) + "\r\nConnection: CDN-Loop", 508},
		{"others", passes("there", 3*proxy.MaxPasses), 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			backend := NewOK(t)
			s := NewSite(t, h, Settings(), edge(), backend.Address)
			answer, _ := s.Say("GET /lb/ HTTP/1.1\r\nHost: x\r\nCDN-Loop: " + tt.sent + "\r\n\r\n")
			if tt.status == 200 {
				if answer.Status != 200 {
					t.Errorf("status %d, want 200", answer.Status)
				}
				return
			}
			wantProblem(t, answer, 508, "loop")
			if got := backend.Received(); len(got) != 0 {
				t.Errorf("the backend got %q", got)
			}
			s.WantCounts(1, 1, 0)
		})
	}
}

// A backend that is the front itself: each pass strips one /lb.
func testRealLoop(t *testing.T, h Harness) {
	s := NewSite(t, h, Settings(), edge())
	s.Backends = []containers.Backend{Spec("a", s.Address)}
	s.Apply()
	answer, err := s.Ask("GET", strings.Repeat("/lb", 4*proxy.MaxPasses)+"/", nil)
	if err != nil || answer.Status != 508 {
		t.Fatalf("answer %v, %v, want 508", answer, err)
	}
	if r := s.Report(); r.Requests != proxy.MaxPasses+1 || r.Retries != 0 || r.Rejected["loop"] != 1 {
		t.Errorf("%d requests, %d retries, rejected %v, want %d, 0 and one loop", r.Requests, r.Retries, r.Rejected, proxy.MaxPasses+1)
	}
}

func testNoToken(t *testing.T, h Harness) {
	backend := NewOK(t)
	s := NewSite(t, h, Settings(), Options{}, backend.Address)
	arrive(t, s, backend, []edgeTest{
		{"none", "", map[string]string{"Cdn-Loop": ""}},
		{"empty elements", "CDN-Loop: " + strings.Repeat(",", 2*proxy.MaxPasses) + "a\r\n", map[string]string{"Cdn-Loop": ",+a"}},
	})
}
