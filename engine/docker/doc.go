// Package docker is the adapter to the Docker Engine API, and the only package that imports
// Docker's client.
//
// It asks for no more of the API than _ping, info, events, containers/json, inspect, stats,
// create, start, stop, pause, unpause and delete of containers, connecting a new container to its
// networks, and inspecting the image that a new container is made from.
package docker
