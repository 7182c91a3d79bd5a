//go:build browser

package dashboard

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/containers/autoscale"
	"github.com/ballast-lb/ballast/internal/browser"
	"github.com/ballast-lb/ballast/internal/telemetry"
	"github.com/ballast-lb/ballast/proxy"
)

func TestBrowser_UpdatesByItself(t *testing.T) {
	s := serve(t, busy())
	ctx, complaints := browser.Open(t, s.URL)
	browser.Run(t, ctx, browser.WaitText("61,204"))
	browser.Evaluate[any](t, ctx, `document.querySelector("details").open = true; new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(null))))`)
	browser.Evaluate[any](t, ctx, `window.sameWindow = true; document.querySelector('a[href="/prometheus"]').focus(); window.moved = 0;
		new PerformanceObserver(l => l.getEntries().forEach(e => { window.moved += e.value; window.movers = (window.movers ?? "") + e.sources.map(s => (s.node?.className ?? s.node?.nodeName) + " " + JSON.stringify(s.previousRect) + " -> " + JSON.stringify(s.currentRect)).join("; "); })).observe({type: 'layout-shift'}); null`)

	next := busy()
	next.Now = next.Now.Add(2 * time.Second)
	for i := range next.Report.Pools[1].Backends {
		b := &next.Report.Pools[1].Backends[i]
		b.Requests += 12_345
		b.InFlight += 111
		b.Latency = proxy.Latency{P50: 123 * time.Millisecond, P95: 1234 * time.Millisecond, P99: 2 * time.Second}
	}
	next.Report.Pools[1].Requests += 1_000_000
	s.show(next)
	browser.Run(t, ctx, browser.WaitText("73,549"))
	if moved := browser.Evaluate[float64](t, ctx, `new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(window.moved))))`); moved > 0.001 {
		t.Errorf("layout shift when the numbers changed = %g, want none: %s", moved, browser.Evaluate[string](t, ctx, `window.movers ?? ""`))
	}

	next.Report.Pools = next.Report.Pools[1:]
	fresh := member(8, "ballast-shop-3", 1, 1)
	next.Report.Pools[0].Backends = append(next.Report.Pools[0].Backends, fresh)
	s.show(next)
	browser.Run(t, ctx, browser.WaitText("ballast-shop-3"), chromedp.WaitNotPresent(chromedp.CSS(`[aria-label="Backends of reports"]`)))

	if got := browser.Evaluate[int](t, ctx, `document.querySelectorAll("details[open]").length`); got != 1 {
		t.Errorf("%d lists of inputs are open, want the one that was opened", got)
	}
	if !browser.Evaluate[bool](t, ctx, `window.sameWindow === true`) {
		t.Error("the page was reloaded")
	}
	if got := browser.Evaluate[string](t, ctx, `document.activeElement.getAttribute("href") ?? ""`); got != "/prometheus" {
		t.Errorf("focus went to %q, want it kept", got)
	}
	if got := browser.Evaluate[string](t, ctx, `document.title`); got != "4/6 ready · Ballast" {
		t.Errorf("title = %q, want the new one", got)
	}
	complaints.None(t)
	if complaints.Requests() < 5 {
		t.Errorf("requests seen = %d, want all of them watched", complaints.Requests())
	}
}

// The policy must stop what it is there to stop; else the test above proves nothing.
func TestBrowser_PolicyBlocksInlineScript(t *testing.T) {
	ctx, complaints := browser.Open(t, serve(t, busy()).URL)
	got := browser.Evaluate[bool](t, ctx, `new Promise(done => {
		document.addEventListener("securitypolicyviolation", () => done(true));
		const s = document.createElement("script"); s.textContent = "window.ran = true"; document.body.append(s);
		if (window.ran) done(false);
	})`)
	if !got {
		t.Error("an inline script ran")
	}
	if len(complaints.List()) == 0 {
		t.Error("the violation was not reported: the tests would not see one")
	}
}

func TestBrowser_SaysWhenBallastIsGone(t *testing.T) {
	s := serve(t, busy())
	target, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	var gone atomic.Bool
	inner := httputil.NewSingleHostReverseProxy(target)
	outer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if gone.Load() {
			http.Error(w, "away", http.StatusServiceUnavailable)
			return
		}
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(outer.Close)
	ctx, _ := browser.Open(t, outer.URL)
	browser.Run(t, ctx, browser.WaitText("61,204"))
	gone.Store(true)
	outer.CloseClientConnections()
	browser.Run(t, ctx, browser.WaitText("Disconnected since"))
	if !browser.Evaluate[bool](t, ctx, `document.body.textContent.includes("61,204") && !document.body.textContent.includes("away")`) {
		t.Error("the last state is not shown any more")
	}
	gone.Store(false)
	browser.Run(t, ctx, chromedp.WaitNotVisible(chromedp.CSS("#lost")))
}

func TestBrowser_WithoutJavaScript(t *testing.T) {
	ctx, complaints := browser.Open(t, "about:blank")
	s := serve(t, busy())
	browser.Run(t, ctx, browser.Command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}), chromedp.Navigate(s.URL), browser.WaitText("61,204"), browser.WaitText("it exposes ports 8080 and 9090"))
	for _, c := range complaints.List() {
		if strings.Contains(c, "Content Security Policy") {
			t.Errorf("the browser reports: %s", c)
		}
	}
}

// states are what the page has to look right in.
func states() map[string]telemetry.Input {
	lost := busy()
	lost.Engine = containers.EngineStatus{
		Kind: "docker", Version: "20.10.24", Since: noon.Add(-42 * time.Second), LastSync: noon.Add(-44 * time.Second),
		Error: "dial unix /var/run/docker.sock: connect: connection refused",
	}
	first := input()
	first.Engine = containers.EngineStatus{Kind: "docker", Error: "dial unix /var/run/docker.sock: connect: no such file or directory"}
	return map[string]telemetry.Input{"busy": busy(), "troubled": troubled(), "empty": input(), "lost": lost, "first": first}
}

// overlaps counts the lines of text in a backend's cells that lie over those of another cell.
const overlaps = `(() => {
	const lines = cell => {
		const range = document.createRange();
		range.selectNodeContents(cell);
		return [...range.getClientRects()].filter(r => r.width > 0 && r.height > 0);
	};
	const over = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
	let n = 0;
	for (const row of document.querySelectorAll(".backend tr:first-child")) {
		const texts = [...row.cells].map(c => [...c.querySelectorAll("span")].concat(c.children.length ? [] : [c]).filter(e => !e.querySelector("span")).flatMap(lines));
		texts.forEach((a, i) => texts.slice(i + 1).forEach(b => a.forEach(x => b.forEach(y => { if (over(x, y)) n++; }))));
	}
	return n;
})()`

// TestBrowser_Looks opens every state at every size, light and dark: nothing overflows, and axe
// finds nothing to object to (contrast, landmarks, names). With BALLAST_SCREENSHOTS set to a folder
// it leaves a picture of each.
func TestBrowser_Looks(t *testing.T) {
	for name, in := range states() {
		t.Run(name, func(t *testing.T) {
			ctx, complaints := browser.Open(t, serve(t, in).URL)
			if name == "troubled" {
				browser.Evaluate[any](t, ctx, `document.querySelectorAll("details").forEach(d => d.open = true); null`)
			}
			for _, colours := range []string{"light", "dark"} {
				browser.Run(t, ctx, browser.Scheme(colours))
				want := map[string]string{"light": "rgb(244, 246, 248)", "dark": "rgb(13, 19, 26)"}[colours]
				if got := browser.Evaluate[string](t, ctx, `getComputedStyle(document.body).backgroundColor`); got != want {
					t.Errorf("%s: background = %s, want %s", colours, got, want)
				}
				for _, width := range []int64{320, 360, 768, 1024, 1440, 3840} {
					browser.Run(t, ctx, chromedp.EmulateViewport(width, 900))
					if over := browser.Evaluate[int](t, ctx, `document.documentElement.scrollWidth - window.innerWidth`); over > 0 {
						t.Errorf("%s at %d px: %d px too wide", colours, width, over)
					}
					if n := browser.Evaluate[int](t, ctx, overlaps); n > 0 {
						t.Errorf("%s at %d px: %d texts of backends lie over others", colours, width, n)
					}
					browser.Screenshot(t, ctx, fmt.Sprintf("%s-%s-%d.png", name, colours, width))
				}
				for _, width := range []int64{360, 1440} {
					browser.Run(t, ctx, chromedp.EmulateViewport(width, 900))
					browser.Objections(t, ctx, fmt.Sprintf("%s at %d px", colours, width))
				}
			}
			complaints.None(t)
		})
	}
}

// TestBrowser_Pages does the same for the other pages.
func TestBrowser_Pages(t *testing.T) {
	in := busy()
	mark := autoscale.Mark{By: "anna", At: noon.Add(-time.Minute)}
	in.Overrides = map[string]telemetry.OverrideDoc{"shop": {Override: autoscale.Override{Paused: &mark, Max: &autoscale.Setting{N: 9, Mark: mark}}}}
	for name, path := range map[string]string{
		"pool": "/pools/shop", "containers": "/containers", "container": "/containers/shop-a", "unrouted": "/containers/shop-old",
		"decisions": "/decisions?pool=shop", "missing": "/pools/none",
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, in)
			ctx, complaints := browser.Open(t, s.URL+path)
			if name == "pool" {
				browser.Run(t, ctx, chromedp.WaitVisible(chromedp.CSS(".charts.is-drawn .u-over")))
			}
			browser.Evaluate[any](t, ctx, `document.querySelectorAll("details").forEach(d => d.open = true); null`)
			for _, colours := range []string{"light", "dark"} {
				browser.Run(t, ctx, browser.Scheme(colours))
				for _, width := range []int64{320, 768, 1440} {
					browser.Run(t, ctx, chromedp.EmulateViewport(width, 900))
					if over := browser.Evaluate[int](t, ctx, `new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(document.documentElement.scrollWidth - window.innerWidth))))`); over > 0 {
						t.Errorf("%s at %d px: %d px too wide", colours, width, over)
					}
					browser.Screenshot(t, ctx, fmt.Sprintf("%s-%s-%d.png", name, colours, width))
				}
				browser.Objections(t, ctx, colours+" at 1440 px")
			}
			if name != "missing" { // The answer 404 is an error to the console.
				complaints.None(t)
			}
		})
	}
}
