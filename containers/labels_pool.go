package containers

import "time"

const (
	day  = 24 * time.Hour
	most = 1_000_000
)

// poolTable has the labels that are settings of a whole pool.
var poolTable = []label{
	{
		name: "host", scope: scopePool, unset: "any host",
		example: "shop.example,*.shop.example",
		meaning: "Hosts that it serves, separated by commas; `*.` before one stands for every name below it. An exact host goes before a wildcard, and that before none.",
		setting: parseHosts,
	},
	{
		name: "path", scope: scopePool, unset: "any path",
		example: "/api",
		meaning: "Path that it serves, with all that lies below it; whole segments count: `/api` is not `/apix`. The longest that fits wins.",
		setting: parsePath,
	},
	{
		name: "strip-path", scope: scopePool, initial: "false",
		example: "true",
		meaning: "`true` removes that path from requests before they are forwarded: `/api/x` becomes `/x`.",
		setting: yesNo(func(s *Settings) *bool { return &s.Route.Strip }),
	},
	{
		name: "policy", scope: scopePool, initial: "weighted",
		example: "least-request",
		meaning: "Who gets the next request: `weighted` (smooth), `round-robin`, `random` (weighted), `least-request` (weighted), `peak-ewma` (by response time and load), `ip-hash` (by client address), `maglev` (by `ballast.hash`).",
		setting: oneOf(func(s *Settings) *string { return &s.Policy },
			"weighted", "round-robin", "random", "least-request", "peak-ewma", "ip-hash", "maglev"),
	},
	{
		name: "hash", scope: scopePool, initial: "ip",
		example: "header:X-Tenant",
		meaning: "What `maglev` places a request by: `ip`, `path`, `header:NAME` or `cookie:NAME`. A request without that header or cookie is placed by its client's address.",
		setting: parseHash,
	},
	{
		name: "sticky", scope: scopePool, initial: "false",
		example: "true",
		meaning: "`true` keeps a client at its backend with a cookie.",
		setting: yesNo(func(s *Settings) *bool { return &s.Sticky.Enabled }),
	},
	{
		name: "sticky.ttl", scope: scopePool, initial: "1h",
		example: "30m",
		meaning: "How long that cookie lasts.",
		setting: span(time.Second, 365*day, func(s *Settings) *time.Duration { return &s.Sticky.TTL }),
	},
	{
		name: "sticky.cookie", scope: scopePool, initial: "ballast_affinity",
		example: "shop_backend",
		meaning: "Name of that cookie.",
		setting: text(tokenPattern, tokenWords, func(s *Settings) *string { return &s.Sticky.Cookie }),
	},
	{
		name: "health.path", scope: scopePool,
		example: "/health",
		meaning: "Path of the active HTTP check. Not set: a check is a connection attempt.",
		setting: text(pathPattern, `a plain path such as "/health": no host, query, fragment, space or control character`, func(s *Settings) *string { return &s.Health.Path }),
	},
	{
		name: "health.interval", scope: scopePool, initial: "10s",
		example: "5s",
		meaning: "Time between checks.",
		setting: span(10*time.Millisecond, day, func(s *Settings) *time.Duration { return &s.Health.Interval }),
	},
	{
		name: "health.timeout", scope: scopePool, initial: "2s",
		example: "500ms",
		meaning: "A check that takes longer fails.",
		setting: span(time.Millisecond, day, func(s *Settings) *time.Duration { return &s.Health.Timeout }),
	},
	{
		name: "health.status", scope: scopePool, initial: "200-399",
		example: "204",
		meaning: "Status, or range of them, that passes.",
		setting: parseStatus,
	},
	{
		name: "health.max-latency", scope: scopePool, initial: "off",
		example: "800ms",
		meaning: "A check that answers later than this fails although it answered.",
		setting: orOff(func(s *Settings) { s.Health.MaxLatency = 0 },
			span(time.Millisecond, day, func(s *Settings) *time.Duration { return &s.Health.MaxLatency })),
	},
	{
		name: "health.fall", scope: scopePool, initial: "3",
		example: "2",
		meaning: "Failures in a row that make a backend unhealthy.",
		setting: whole(1, 1000, func(s *Settings) *int { return &s.Health.Fall }),
	},
	{
		name: "health.rise", scope: scopePool, initial: "2",
		example: "3",
		meaning: "Passes in a row that make it healthy again.",
		setting: whole(1, 1000, func(s *Settings) *int { return &s.Health.Rise }),
	},
	{
		name: "breaker", scope: scopePool, initial: "5",
		example: "10",
		meaning: "Failures in a row that eject a backend for a while. 0: never.",
		setting: whole(0, 1000, func(s *Settings) *int { return &s.Breaker }),
	},
	{
		name: "slow-start", scope: scopePool, initial: "0s",
		example: "30s",
		meaning: "Time over which the share of a new backend grows to its whole weight. 0s: at once.",
		setting: span(0, time.Hour, func(s *Settings) *time.Duration { return &s.SlowStart }),
	},
	{
		name: "concurrency", scope: scopePool, initial: "0",
		example: "50",
		meaning: "Requests that one backend serves at once; more wait in the queue. Also the target of scaling. 0: no limit. Not set in a pool that scales: 20.",
		setting: whole(0, most, func(s *Settings) *int { return &s.Concurrency }),
	},
	{
		name: "queue.size", scope: scopePool, initial: "1024",
		example: "100",
		meaning: "Requests that may wait for a free backend, and in a pool that scales for the first one to come. When it is full, the next is answered with 503 at once.",
		setting: whole(0, most, func(s *Settings) *int { return &s.Queue.Size }),
	},
	{
		name: "queue.timeout", scope: scopePool, initial: "30s",
		example: "5s",
		meaning: "How long a request may wait there before it is answered with 504.",
		setting: span(time.Millisecond, day, func(s *Settings) *time.Duration { return &s.Queue.Timeout }),
	},
	{
		name: "rate-limit", scope: scopePool, initial: "off",
		example: "100/s",
		meaning: "Requests that one client may make in a time, such as `100/s` or `20/15s`; what is more is answered with 429. A client is an IPv4 address or an IPv6 /64.",
		setting: orOff(func(s *Settings) { s.RateLimit.Rate = Rate{} }, rate(func(s *Settings) *Rate { return &s.RateLimit.Rate })),
	},
	{
		name: "rate-limit.burst", scope: scopePool, unset: "as many as the rate counts",
		example: "20",
		meaning: "How many of them it may make at once.",
		setting: whole(1, most, func(s *Settings) *int { return &s.RateLimit.Burst }),
	},
	{
		name: "timeout", scope: scopePool, initial: "30s",
		example: "5s",
		meaning: "How long a backend may take to the headers of its response.",
		setting: span(time.Millisecond, day, func(s *Settings) *time.Duration { return &s.Timeout }),
	},
	{
		name: "timeout.connect", scope: scopePool, initial: "2s",
		example: "500ms",
		meaning: "How long it may take to accept a connection.",
		setting: span(time.Millisecond, day, func(s *Settings) *time.Duration { return &s.ConnectTimeout }),
	},
	{
		name: "timeout.idle", scope: scopePool, initial: "60s",
		example: "5m",
		meaning: "How long a client may send nothing of a body, or take nothing of an answer, and a backend take nothing of a body. What a backend sends may pause for longer.",
		setting: span(100*time.Millisecond, day, func(s *Settings) *time.Duration { return &s.IdleTimeout }),
	},
	{
		name: "retries", scope: scopePool, initial: "1",
		example: "2",
		meaning: "Extra attempts on *other* backends, for requests that are idempotent and got no answer. At most 20 % of the requests get one. Who could not be connected to costs none: the request goes on to up to three others.",
		setting: whole(0, 10, func(s *Settings) *int { return &s.Retries }),
	},
	{
		name: "scale.min", scope: scopePool, initial: "1",
		example: "2",
		meaning: "Fewest replicas, those that Ballast did not make included. 0: to zero when idle; then those that it did not make are stopped too, and started by the next request.",
		setting: whole(0, most, func(s *Settings) *int { return &s.Scale.Min }),
	},
	{
		name: "scale.max", scope: scopePool, initial: "0",
		example: "8",
		meaning: "Most replicas, those that Ballast did not make included. 0: never scales.",
		setting: whole(0, most, func(s *Settings) *int { return &s.Scale.Max }),
	},
	{
		name: "scale.image", scope: scopePool, unset: "the template's",
		example: "shop/web:1.4",
		meaning: "Image of the clones.",
		setting: text(imagePattern, `the reference of an image, such as "shop/web:1.4"`, func(s *Settings) *string { return &s.Scale.Image }),
	},
	{
		name: "scale.requests", scope: scopePool, initial: "off",
		example: "20/15s",
		meaning: "The classic rule, `20/15s`: more requests than this in that time add one replica.",
		setting: orOff(func(s *Settings) { s.Scale.Requests = Rate{} },
			rate(func(s *Settings) *Rate { return &s.Scale.Requests })),
	},
	{
		name: "scale.rps", scope: scopePool, initial: "off",
		example: "50",
		meaning: "Requests per second that one replica is to get.",
		setting: orOff(func(s *Settings) { s.Scale.RPS = 0 }, whole(1, most, func(s *Settings) *int { return &s.Scale.RPS })),
	},
	{
		name: "scale.latency", scope: scopePool, initial: "off",
		example: "250ms",
		meaning: "What 95 of 100 requests are to be answered within. More replicas are added only while those there are more than half busy, and only as long as it helps.",
		setting: orOff(func(s *Settings) { s.Scale.Latency = 0 },
			span(time.Millisecond, time.Hour, func(s *Settings) *time.Duration { return &s.Scale.Latency })),
	},
	{
		name: "scale.cpu", scope: scopePool, initial: "off",
		example: "70",
		meaning: "Percent of its processor limit (or of the host) that one replica is to use.",
		setting: orOff(func(s *Settings) { s.Scale.CPU = 0 }, whole(1, 100, func(s *Settings) *int { return &s.Scale.CPU })),
	},
	{
		name: "scale.memory", scope: scopePool, initial: "off",
		example: "80",
		meaning: "Percent of its memory limit (or of the host) that one replica is to use.",
		setting: orOff(func(s *Settings) { s.Scale.Memory = 0 }, whole(1, 100, func(s *Settings) *int { return &s.Scale.Memory })),
	},
	{
		name: "scale.warm", scope: scopePool, initial: "0",
		example: "2",
		meaning: "Paused clones that are kept ready, beside the replicas: they serve within a tenth of a second.",
		setting: whole(0, 1000, func(s *Settings) *int { return &s.Scale.Warm }),
	},
	{
		name: "scale.idle", scope: scopePool, initial: "5m",
		example: "30m",
		meaning: "With `ballast.scale.min` 0: how long nothing must be requested before the last replica is stopped. The next request starts it again.",
		setting: span(100*time.Millisecond, 7*day, func(s *Settings) *time.Duration { return &s.Scale.Idle }),
	},
	{
		name: "scale.hold-down", scope: scopePool, initial: "60s",
		example: "5m",
		meaning: "How long demand must stay low before replicas are removed.",
		setting: span(time.Millisecond, day, func(s *Settings) *time.Duration { return &s.Scale.HoldDown }),
	},
	{
		name: "scale.dry-run", scope: scopePool, initial: "false",
		example: "true",
		meaning: "`true` decides and explains, and does not act.",
		setting: yesNo(func(s *Settings) *bool { return &s.Scale.DryRun }),
	},
	{
		name: "scale.wait-page", scope: scopePool, initial: "false",
		example: "true",
		meaning: "`true`: a browser that would wait over 2 s gets a page that follows what happens and loads the one asked for when it can be served.",
		setting: yesNo(func(s *Settings) *bool { return &s.Scale.WaitPage }),
	},
	{
		name: "scale.ignore-agents", scope: scopePool, unset: "nobody",
		example: "kube-probe,*bot*",
		meaning: "User-Agents that never wake a pool, separated by commas; `*` stands for anything, capitals do not matter. While nothing runs they are answered 503.",
		setting: parseAgents,
	},
	{
		name: "drain.timeout", scope: scopePool, initial: "30s",
		example: "2m",
		meaning: "Longest wait for requests in flight before a clone is stopped.",
		setting: span(time.Millisecond, day, func(s *Settings) *time.Duration { return &s.DrainTimeout }),
	},
}
