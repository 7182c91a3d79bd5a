package proxy

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // For the page and what it is made of.
	"encoding/base64"
	"html/template"
	"math"
	"strings"
)

// Where the waiting page has its script from, and how it stands with a pool. A pool is asked for by a path that leads to it,
// as "?path=".
const (
	WaitPath       = "/.ballast/wait"
	WaitScriptPath = "/.ballast/wait.js"
)

var (
	//go:embed assets/wait.html
	waitHTML string
	//go:embed assets/wait.css
	waitCSS string
	//go:embed assets/wait.js
	waitJS string
)

// waitPage and waitScript are sent as they are.
var (
	waitPage = func() []byte {
		var out bytes.Buffer
		if err := template.Must(template.New("").Parse(waitHTML)).Execute(&out, struct {
			Style  template.CSS
			Script string
		}{template.CSS(waitCSS), WaitScriptPath}); err != nil {
			panic(err)
		}
		return out.Bytes()
	}()
	waitScript = []byte(strings.Replace(waitJS, "{{.Events}}", WaitPath, 1))
	waitPolicy = func() string {
		sum := sha256.Sum256([]byte(waitCSS))
		return "default-src 'none'; script-src 'self'; connect-src 'self'; img-src data:; style-src 'sha256-" +
			base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
	}()
)

// WaitScript is the script of the waiting page.
func WaitScript() []byte { return waitScript }

// Policy is the Content-Security-Policy that the problem's page needs; empty where it needs none.
func (p Problem) Policy() string {
	if p.Type == waitType {
		return waitPolicy
	}
	return ""
}

// waitType is the type of the problem whose page is the waiting page.
var waitType = NewProblem(0, CauseWaiting.String(), "", "").Type

// Wait is how it stands with a pool, for those who look at its waiting page. It tells neither names nor addresses.
type Wait struct {
	// Ready says that a backend serves.
	Ready bool `json:"ready"`
	// Waiting is how many wait for one, those who look at the page included.
	Waiting int `json:"waiting"`
	// Seconds is how long it takes until one serves, in whole ones; 0 if that is not known.
	Seconds float64 `json:"seconds"`
	// Reason is the outlook's.
	Reason string `json:"reason"`
}

// Waits says whether any pool has a waiting page.
func (c *Core) Waits() bool { return c.waits.Load() }

// Wait tells how it stands with a pool. It is false if the pool has no waiting page, or is gone.
func (p *Pool) Wait() (Wait, bool) {
	v := p.view.Load()
	if v.gone || !v.waits() {
		return Wait{}, false
	}
	w := Wait{Waiting: p.queued() + int(p.watchers.Load())}
	for _, b := range v.candidates {
		w.Ready = w.Ready || b.available.Load()
	}
	if f := p.outlook.Load(); f != nil && !w.Ready {
		w.Seconds, w.Reason = math.Ceil(f.left(p.core.since()).Seconds()), f.Why
	}
	return w, true
}

// waits says whether the pool has a waiting page.
func (v *view) waits() bool { return v.scales && v.settings.Scale.WaitPage }

// maxWatchers is how many may look at the waiting pages of all pools.
const maxWatchers = 1000

// Watch counts in somebody who looks at a pool's waiting page, until leave is called. It is false if too many do.
func (p *Pool) Watch() (leave func(), ok bool) {
	if p.core.watchers.Add(1) > maxWatchers {
		p.core.watchers.Add(-1)
		return nil, false
	}
	p.watchers.Add(1)
	return func() {
		p.watchers.Add(-1)
		p.core.watchers.Add(-1)
	}, true
}
