//go:build browser

package app

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"golang.org/x/crypto/bcrypt"

	"github.com/ballast-lb/ballast/internal/browser"
)

// The page of a whole Ballast: a container joins, somebody logs in and acts, and all of it shows without a reload.
func TestBrowser_app(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	users := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(users, []byte("anna:"+string(hash)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startSite(t, "--admin.auth.users-file="+users)
	ctx, complaints := browser.Open(t, s.base)
	browser.Run(t, ctx, browser.WaitText("api-1"))
	browser.Evaluate[any](t, ctx, `window.sameWindow = true; null`)

	began := time.Now()
	s.join("shop-2", map[string]string{"pool": "shop"})
	browser.Run(t, ctx, browser.WaitText("shop-2"))
	// How long it takes depends on the machine too: a page that asks each few seconds would be far above it.
	if took := time.Since(began); took > 2*time.Second {
		t.Logf("the container showed after %s, want 2 s on a quiet machine", took)
	}
	if !browser.Evaluate[bool](t, ctx, `window.sameWindow === true`) {
		t.Error("the page was reloaded")
	}

	// Without a session an act is refused in words, then done.
	act := func(want string) {
		t.Helper()
		browser.Run(t, ctx,
			chromedp.Navigate(s.base+"/pools/default"), chromedp.WaitVisible(chromedp.CSS(`input[name="replicas"]`)),
			chromedp.SendKeys(chromedp.CSS(`input[name="replicas"]`), "4"), chromedp.Click(chromedp.CSS(`form[action$="/scale"] button`)),
			browser.WaitText(want))
	}
	act("only who has logged in may do that")
	browser.Run(t, ctx,
		chromedp.Click(chromedp.CSS("#outcome a")), chromedp.WaitVisible(chromedp.CSS(`input[name="password"]`)),
		chromedp.SendKeys(chromedp.CSS(`input[name="user"]`), "anna"), chromedp.SendKeys(chromedp.CSS(`input[name="password"]`), "secret"),
		chromedp.Click(chromedp.CSS(`form[action="/dashboard/login"] button`)), browser.WaitText("Where requests go"))
	act("anna set replicas to 4")
	// The decision and the clone come by themselves.
	browser.Run(t, ctx, browser.WaitText("By hand"), browser.WaitText("ballast-default-1"), browser.WaitText("Replicas are set to 4, by anna"))
	complaints.None(t)
}
