//go:build browser

package browser

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

//go:embed axe/axe-4.14.1.min.js
var axe string

// limit is how long all that a test does with its browser may take.
const limit = time.Minute

// Complaints are what a browser reported of a page: console errors, exceptions, blocked loads and
// requests to other hosts.
type Complaints struct {
	// origin is the only one that may be asked.
	origin string

	mu       sync.Mutex
	list     []string
	requests int
}

func (c *Complaints) add(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, fmt.Sprintf(format, args...))
}

// List is what was reported until now.
func (c *Complaints) List() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.list)
}

// Requests is how many requests the page has made.
func (c *Complaints) Requests() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.requests
}

// None fails the test for each complaint.
func (c *Complaints) None(t *testing.T) {
	t.Helper()
	for _, s := range c.List() {
		t.Errorf("the browser reports: %s", s)
	}
}

// Open starts a browser of its own on a page and returns its context, which ends with the test. Without an
// installed Chromium it skips the test, but fails it in CI.
func Open(t *testing.T, address string, more ...chromedp.ExecAllocatorOption) (context.Context, *Complaints) {
	t.Helper()
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("chromium is not installed")
		}
		t.Skip("SKIPPED: chromium is not installed; the page was not tested in a browser")
	}
	options := slices.Concat(
		[]chromedp.ExecAllocatorOption{chromedp.ExecPath(chromium), chromedp.NoSandbox},
		chromedp.DefaultExecAllocatorOptions[:], more,
	)
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	Run(t, ctx) // starts the browser, which a deadline would end
	ctx, stop = context.WithTimeout(ctx, limit)
	t.Cleanup(stop)
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	c := &Complaints{origin: u.Scheme + "://" + u.Host}
	if err := chromedp.Listen(ctx, c.listen); err != nil {
		t.Fatalf("browser: %v", err)
	}
	Run(t, ctx, chromedp.Navigate(address))
	return ctx, c
}

func (c *Complaints) listen(event any) {
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
		if !strings.HasPrefix(e.Request.URL, c.origin) {
			c.add("request to another host: %s", e.Request.URL)
		}
		c.mu.Lock()
		c.requests++
		c.mu.Unlock()
	}
}

// Run does actions one after another.
func Run(t *testing.T, ctx context.Context, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, actions...); err != nil {
		t.Fatalf("browser: %v", err)
	}
}

// Evaluate runs JavaScript in the page, and awaits what it promises.
func Evaluate[T any](t *testing.T, ctx context.Context, js string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("browser: %v", err)
	}
	return v
}

// WaitText waits until the page shows text.
func WaitText(text string) chromedp.Action[chromedp.Void] {
	return chromedp.WaitVisible(chromedp.Search(fmt.Sprintf(`//body//*[text()[contains(., %q)]]`, text)))
}

// Command is a call of the browser's own protocol.
func Command[P, R any](cmd cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, cmd, params)
		return err
	})
}

// Scheme makes the page dark or light.
func Scheme(name string) chromedp.Action[chromedp.Void] {
	return Command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}},
	})
}

// Objections fails the test for each objection that axe has to the page as it is now: contrast, landmarks, names.
func Objections(t *testing.T, ctx context.Context, where string) {
	t.Helper()
	Evaluate[any](t, ctx, axe+"; null")
	raw := Evaluate[string](t, ctx, `axe.run().then(r => JSON.stringify(r.violations.map(v => ({id: v.id, help: v.help, nodes: v.nodes.map(n => n.html + " " + n.failureSummary)}))))`)
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

// Screenshot writes a picture of the whole page to $BALLAST_SCREENSHOTS if that is set.
func Screenshot(t *testing.T, ctx context.Context, name string) {
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
