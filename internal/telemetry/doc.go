// Package telemetry turns what the data path, the reconciler and the autoscaler know into what
// people and programs read: the JSON document behind GET /metrics, which the dashboard draws as
// well, and the Prometheus metrics.
package telemetry
