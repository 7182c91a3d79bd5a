// Package sim tells what a scaling policy would have done with a trace of requests: a discrete-event simulation of a pool
// whose replicas serve so many requests at once, hold the others in order, and take their time to start.
//
// It runs autoscale.Decide itself, fed as in a live pool, and ports of the rules of others beside it, all over
// the same data path. Everything is a function of the configuration and its seed. It knows no engine and no HTTP.
package sim
