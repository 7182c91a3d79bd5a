package dashboard

import (
	"net/url"
	"strings"

	"github.com/ballast-lb/ballast/containers/autoscale"
	"github.com/ballast-lb/ballast/internal/telemetry"
)

const (
	// decisionsShown is how many of the newest decisions an overview lists, decisionsListed how many their own page.
	decisionsShown  = 12
	decisionsListed = 100
)

// request says which page is wanted.
type request struct {
	// host is where the page is asked for, for the commands that it shows.
	host  string
	path  string
	query url.Values
}

// parse reads a page's path and query. What can't be read is the page that does not exist.
func parse(host, page string) request {
	u, err := url.Parse(page)
	if err != nil || u.Path == "" {
		return request{host: host, path: "/?"}
	}
	return request{host: host, path: u.Path, query: u.Query()}
}

// String is the page's path with what it reads of the query: two of the same are the same page.
func (r request) String() string {
	if r.path == "/decisions" {
		return decisionsPath(r.query.Get("pool"), r.query.Get("action"))
	}
	return (&url.URL{Path: r.path}).String()
}

// sheet makes the page that is wanted from how things stand.
func (d *Dashboard) sheet(r request) sheet {
	doc := d.options.Document()
	frame := d.frame(doc, r)
	return around(frame, d.middle(doc, frame, r))
}

// framed is a page that is made elsewhere.
func (d *Dashboard) framed(r request, s sheet) sheet {
	return around(d.frame(d.options.Document(), r), s)
}

// around adds what every page has.
func around(frame frameView, s sheet) sheet {
	s.Sections = append([]section{
		{ID: "brand", Template: "brand", Data: frame},
		{ID: "engine", Template: "engine", Data: frame},
		{ID: "notices", Template: "notices", Data: frame},
		{ID: "foot", Template: "foot", Data: frame},
	}, s.Sections...)
	return s
}

func (d *Dashboard) middle(doc telemetry.Document, f frameView, r request) sheet {
	name, isPool := strings.CutPrefix(r.path, "/pools/")
	id, isContainer := strings.CutPrefix(r.path, "/containers/")
	switch {
	case r.path == "/":
		return d.overview(doc, f)
	case r.path == "/decisions":
		return decisionsPage(doc, r.query)
	case r.path == "/containers":
		return containersPage(d.options.Containers())
	case isPool:
		return d.poolPage(doc, name)
	case isContainer:
		return d.containerPage(doc, id)
	}
	return missing("There is no such page", "The address leads to nothing here.")
}

// missing is a page about what does not exist.
func missing(what, why string) sheet {
	return sheet{
		Title: what, Layout: "only", Missing: true,
		Sections: []section{{ID: "content", Template: "missing", Data: struct{ What, Why string }{what, why}}},
	}
}

func (d *Dashboard) overview(doc telemetry.Document, f frameView) sheet {
	shares := d.shares.observe(doc)
	left := leftOut(doc)
	empty := len(doc.Pools) == 0 && len(left) == 0
	s := sheet{Title: f.Title, Layout: "overview", Nav: "/"}
	pools := section{ID: "pools"}
	for _, p := range doc.Pools {
		v := newPoolView(p, doc, shares)
		pools.Parts = append(pools.Parts, section{ID: v.ID, Template: "pool", Data: v})
	}
	welcome := section{ID: "empty"}
	if empty && f.Engine.Synced {
		welcome.Template, welcome.Data = "empty", f
	}
	s.Sections = []section{
		{ID: "tiles", Template: "tiles", Data: struct{ Tiles []tile }{newTiles(doc.Totals)}},
		welcome,
		{ID: "topology", Template: "topology", Data: newTopology(doc, d.options.Listeners(), shares)},
		pools,
		{ID: "left", Template: "left", Data: struct{ Left []containerView }{left}},
		{ID: "changes", Template: "changes", Data: d.changes(doc)},
		{ID: "decisions", Template: "decisions", Data: decisionsView{
			Shown: !empty, List: newDecisionViews(doc, doc.Decisions, decisionsShown), More: "/decisions", None: d.noDecisions(doc),
		}},
	}
	return s
}

func (d *Dashboard) poolPage(doc telemetry.Document, name string) sheet {
	shares := d.shares.observe(doc)
	for _, p := range doc.Pools {
		if p.Name != name {
			continue
		}
		v := newPoolView(p, doc, shares)
		v.Detail = true
		var own []autoscale.Decision
		for _, x := range doc.Decisions {
			if x.Pool == name {
				own = append(own, x)
			}
		}
		none := "None yet. Each step of the autoscaler, and each refusal, will be explained here."
		if p.Replicas.Max == 0 {
			none = "None: this pool has a fixed size. It scales once a container sets " + d.options.LabelPrefix + ".scale.max."
		}
		return sheet{
			Title: name + ": " + v.Ready + " ready", Layout: "one-pool", Nav: "/", Charts: name,
			Sections: []section{
				{ID: "pool", Template: "pool", Data: v},
				{ID: "acts", Template: "pool-acts", Data: d.poolActs(p)},
				{ID: "decisions", Template: "decisions", Data: decisionsView{
					Shown: true, List: newDecisionViews(doc, own, decisionsShown), More: decisionsPath(name, ""), None: none,
				}},
			},
		}
	}
	return missing("There is no pool "+name, "No container belongs to a pool of this name, now. It may have gone while you looked.")
}

// noDecisions says why there are none.
func (d *Dashboard) noDecisions(doc telemetry.Document) string {
	for _, p := range doc.Pools {
		if p.Replicas.Max > 0 {
			return "None yet: nothing had to be scaled. Each step will be explained here."
		}
	}
	return "None yet. A pool scales once a container sets " + d.options.LabelPrefix + ".scale.max; each step will be explained here."
}

// leftOut are the labelled containers that get no traffic.
func leftOut(doc telemetry.Document) []containerView {
	var left []containerView
	for _, c := range doc.Containers {
		if !c.Routed {
			left = append(left, newContainerView(c))
		}
	}
	return left
}

// poolPath and containerPath are where the pages of a pool and of a container are.
func poolPath(name string) string      { return "/pools/" + url.PathEscape(name) }
func containerPath(name string) string { return "/containers/" + url.PathEscape(name) }

func decisionsPath(pool, action string) string {
	q := url.Values{}
	if pool != "" {
		q.Set("pool", pool)
	}
	if action != "" {
		q.Set("action", action)
	}
	if len(q) == 0 {
		return "/decisions"
	}
	return "/decisions?" + q.Encode()
}
