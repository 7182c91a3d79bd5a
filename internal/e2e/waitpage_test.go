//go:build docker && browser

package e2e

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/ballast-lb/ballast/internal/browser"
)

// TestWaitPage has somebody ask for a page of a pool that runs nothing, whose container is slow to start.
func TestWaitPage(t *testing.T) {
	h := hostOf(t, onBridge(t), "--on-exit=remove")
	of := h.name + "-slow"
	name := h.members(of, labels{"scale.min": "0", "scale.max": "1", "scale.idle": "1s", "scale.wait-page": "true"}, env{"MOCK_BOOT_DELAY": "5s"}, "1")[0]
	sleeps := func() {
		h.waitPool(of, "nothing runs", 30*time.Second, func(p pool) bool { return len(p.Backends) == 0 })
	}
	sleeps()
	// A program is held until it can be served. That also tells Ballast how long a start takes.
	if r := h.get(of + ".example/"); r.status != http.StatusOK || r.took < 5*time.Second {
		t.Fatalf("GET = %d after %s, want 200 after the 5 s that the container takes", r.status, r.took)
	}
	sleeps()

	_, port, err := net.SplitHostPort(h.listen)
	if err != nil {
		t.Fatal(err)
	}
	ctx, complaints := browser.Open(t, "http://"+of+".example:"+port+"/shop?item=7", chromedp.Flag("host-resolver-rules", "MAP *.example 127.0.0.1"))
	browser.Run(t, ctx, browser.WaitText("Starting…"), browser.WaitText("s to go."))
	for _, colours := range []string{"light", "dark"} {
		browser.Run(t, ctx, browser.Scheme(colours))
		for _, width := range []int64{320, 1440} {
			browser.Run(t, ctx, chromedp.EmulateViewport(width, 900))
			if over := browser.Evaluate[int](t, ctx, `document.documentElement.scrollWidth - window.innerWidth`); over > 0 {
				t.Errorf("%s at %d px: %d px too wide", colours, width, over)
			}
		}
		browser.Screenshot(t, ctx, "wait-"+colours+".png")
	}
	// Nobody reloads it.
	browser.Run(t, ctx, browser.WaitText(name))
	if got := browser.Evaluate[string](t, ctx, `document.body.innerText + location.search`); !strings.Contains(got, "for /shop") || !strings.HasSuffix(got, "?item=7") {
		t.Errorf("the page that came is %q, want the one that was asked for", got)
	}
	for _, c := range complaints.List() {
		if !strings.Contains(c, "status of 503") { // The waiting page itself.
			t.Errorf("the browser reports: %s", c)
		}
	}
}
