//go:build browser

package dashboard

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/internal/telemetry"
	"github.com/ballast-lb/ballast/proxy"
)

//go:embed testdata/axe/axe-4.14.1.min.js
var axe string

// patience is how long a test waits for the page, which asks every two seconds.
const patience = 30 * time.Second

// complaints are what a browser reported of a page: console errors, exceptions, blocked loads and
// requests to other hosts.
type complaints struct {
	// host is the only address that may be asked.
	host string

	mu       sync.Mutex
	list     []string
	requests int
}

func (c *complaints) add(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, fmt.Sprintf(format, args...))
}

func (c *complaints) none(t *testing.T) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.list {
		t.Errorf("the browser reports: %s", s)
	}
}

// open starts a browser of its own on a page and returns its context.
func open(t *testing.T, address string) (context.Context, *complaints) {
	t.Helper()
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("chromium is not installed")
		}
		t.Skip("SKIPPED: chromium is not installed; the page was not tested in a browser")
	}
	options := append([]chromedp.ExecAllocatorOption{chromedp.ExecPath(chromium), chromedp.NoSandbox}, chromedp.DefaultExecAllocatorOptions[:]...)
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	run(t, ctx) // starts the browser, which a deadline would end
	ctx, stop = context.WithTimeout(ctx, 2*patience)
	t.Cleanup(stop)
	c := &complaints{host: address}
	if err := chromedp.Listen(ctx, c.listen); err != nil {
		t.Fatalf("browser: %v", err)
	}
	run(t, ctx, chromedp.Navigate(address))
	return ctx, c
}

func (c *complaints) listen(event any) {
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" || e.Type == "warning" {
			c.add("console %s: %s", e.Type, e.Args[0].Value)
		}
	case *runtime.EventExceptionThrown:
		c.add("exception: %s", e.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		c.add("log %s: %s", e.Entry.Source, e.Entry.Text)
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(e.Request.URL, c.host) {
			c.add("request to another host: %s", e.Request.URL)
		}
		c.mu.Lock()
		c.requests++
		c.mu.Unlock()
	}
}

func run(t *testing.T, ctx context.Context, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, actions...); err != nil {
		t.Fatalf("browser: %v", err)
	}
}

// evaluate runs JavaScript in the page.
func evaluate[T any](t *testing.T, ctx context.Context, js string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("browser: %v", err)
	}
	return v
}

// waitText waits until the page shows text.
func waitText(text string) chromedp.Action[chromedp.Void] {
	return chromedp.WaitVisible(chromedp.Search(fmt.Sprintf(`//body//*[text()[contains(., %q)]]`, text)))
}

// command is a call of the browser's own protocol.
func command[P, R any](cmd cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, cmd, params)
		return err
	})
}

func scheme(name string) chromedp.Action[chromedp.Void] {
	return command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}},
	})
}

func TestBrowser_UpdatesByItself(t *testing.T) {
	s := serve(t, busy())
	ctx, complaints := open(t, s.URL)
	run(t, ctx, waitText("61,204"))
	evaluate[any](t, ctx, `window.sameWindow = true; document.querySelector('a[href="/prometheus"]').focus(); window.moved = 0;
		document.querySelectorAll("details")[1].open = true;
		new PerformanceObserver(l => l.getEntries().forEach(e => window.moved += e.value)).observe({type: 'layout-shift'}); null`)

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
	run(t, ctx, waitText("73,549"))
	if moved := evaluate[float64](t, ctx, `new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(window.moved))))`); moved > 0.001 {
		t.Errorf("layout shift when the numbers changed = %g, want none", moved)
	}

	next.Report.Pools = next.Report.Pools[1:]
	fresh := member(8, "ballast-shop-3", 1, 1)
	next.Report.Pools[0].Backends = append(next.Report.Pools[0].Backends, fresh)
	s.show(next)
	run(t, ctx, waitText("ballast-shop-3"), chromedp.WaitNotPresent(chromedp.CSS(`[aria-label="Backends of reports"]`)))

	if got := evaluate[int](t, ctx, `document.querySelectorAll("details[open]").length`); got != 1 {
		t.Errorf("%d lists of settings are open, want the one that was opened", got)
	}
	if !evaluate[bool](t, ctx, `window.sameWindow === true`) {
		t.Error("the page was reloaded")
	}
	if got := evaluate[string](t, ctx, `document.activeElement.getAttribute("href") ?? ""`); got != "/prometheus" {
		t.Errorf("focus went to %q, want it kept", got)
	}
	if got := evaluate[string](t, ctx, `document.title`); got != "4/6 ready · Ballast" {
		t.Errorf("title = %q, want the new one", got)
	}
	complaints.none(t)
	if complaints.requests < 5 {
		t.Errorf("requests seen = %d, want all of them watched", complaints.requests)
	}
}

// The policy must stop what it is there to stop; else the test above proves nothing.
func TestBrowser_PolicyBlocksInlineScript(t *testing.T) {
	ctx, complaints := open(t, serve(t, busy()).URL)
	got := evaluate[bool](t, ctx, `new Promise(done => {
		document.addEventListener("securitypolicyviolation", () => done(true));
		const s = document.createElement("script"); s.textContent = "window.ran = true"; document.body.append(s);
		if (window.ran) done(false);
	})`)
	if !got {
		t.Error("an inline script ran")
	}
	complaints.mu.Lock()
	defer complaints.mu.Unlock()
	if len(complaints.list) == 0 {
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
	ctx, _ := open(t, outer.URL)
	run(t, ctx, waitText("61,204"))
	gone.Store(true)
	run(t, ctx, waitText("No answer from Ballast since"))
	if !evaluate[bool](t, ctx, `document.body.textContent.includes("61,204") && !document.body.textContent.includes("away")`) {
		t.Error("the last state is not shown any more")
	}
	gone.Store(false)
	run(t, ctx, chromedp.WaitNotVisible(chromedp.CSS("#lost")))
}

func TestBrowser_WithoutJavaScript(t *testing.T) {
	ctx, complaints := open(t, "about:blank")
	s := serve(t, busy())
	run(t, ctx, command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}), chromedp.Navigate(s.URL), waitText("61,204"), waitText("it exposes ports 8080 and 9090"))
	complaints.mu.Lock()
	defer complaints.mu.Unlock()
	for _, c := range complaints.list {
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
			ctx, complaints := open(t, serve(t, in).URL)
			if name == "troubled" {
				evaluate[any](t, ctx, `document.querySelectorAll("details").forEach(d => d.open = true); null`)
			}
			for _, colours := range []string{"light", "dark"} {
				run(t, ctx, scheme(colours))
				want := map[string]string{"light": "rgb(244, 246, 248)", "dark": "rgb(13, 19, 26)"}[colours]
				if got := evaluate[string](t, ctx, `getComputedStyle(document.body).backgroundColor`); got != want {
					t.Errorf("%s: background = %s, want %s", colours, got, want)
				}
				for _, width := range []int64{320, 360, 768, 1024, 1440, 3840} {
					run(t, ctx, chromedp.EmulateViewport(width, 900))
					if over := evaluate[int](t, ctx, `document.documentElement.scrollWidth - window.innerWidth`); over > 0 {
						t.Errorf("%s at %d px: %d px too wide", colours, width, over)
					}
					if n := evaluate[int](t, ctx, overlaps); n > 0 {
						t.Errorf("%s at %d px: %d texts of backends lie over others", colours, width, n)
					}
					screenshot(t, ctx, fmt.Sprintf("%s-%s-%d.png", name, colours, width))
				}
				for _, width := range []int64{360, 1440} {
					run(t, ctx, chromedp.EmulateViewport(width, 900))
					objections(t, ctx, fmt.Sprintf("%s at %d px", colours, width))
				}
			}
			complaints.none(t)
		})
	}
}

func objections(t *testing.T, ctx context.Context, where string) {
	t.Helper()
	evaluate[any](t, ctx, axe+"; null")
	raw := evaluate[string](t, ctx, `axe.run().then(r => JSON.stringify(r.violations.map(v => ({id: v.id, help: v.help, nodes: v.nodes.map(n => n.html + " " + n.failureSummary)}))))`)
	var found []struct {
		ID, Help string
		Nodes    []string
	}
	if err := json.Unmarshal([]byte(raw), &found); err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		t.Errorf("%s: %s: %s\n%s", where, f.ID, f.Help, strings.Join(f.Nodes, "\n"))
	}
}

// screenshot writes a picture of the whole page to $BALLAST_SCREENSHOTS if that is set.
func screenshot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	dir := os.Getenv("BALLAST_SCREENSHOTS")
	if dir == "" {
		return
	}
	picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatalf("browser: %v", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), picture, 0o600); err != nil {
		t.Fatal(err)
	}
}
