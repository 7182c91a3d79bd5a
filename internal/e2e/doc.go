// Package e2e holds the black-box tests: the compose file and the images, driven as a user would,
// on a real Docker Engine. They have the build tag docker.
package e2e
