// Package browser is what tests need that look at a page in a real browser (Chromium). They have the build tag browser, and so
// has all of this.
package browser
