package dashboard

import "github.com/ballast-lb/ballast/internal/telemetry"

// routesShown is how many routes of a pool are listed.
const routesShown = 12

// routeView is what leads to a pool.
type routeView struct {
	Host, Path string
	// AnyHost stands in Host's place; Rest says that the route takes what no other does, Strip that Path is removed.
	AnyHost, Rest, Strip bool
}

// routes are the first of those of a pool, and how many more there are; empty if none.
func routes(all []telemetry.RouteDoc) (shown []routeView, left string) {
	for _, r := range all[:min(len(all), routesShown)] {
		shown = append(shown, routeView{
			Host: r.Host, Path: r.Path, AnyHost: r.Host == "", Rest: r.Host == "" && r.Path == "/", Strip: r.Strip,
		})
	}
	if n := len(all) - routesShown; n > 0 {
		left = count(n)
	}
	return shown, left
}
