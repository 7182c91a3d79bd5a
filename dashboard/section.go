package dashboard

import (
	"bytes"
	"fmt"
	"html/template"
	"strings"
)

// sheet is a page before it is drawn: sections, in a layout that says where each stands.
type sheet struct {
	// Title is the window's, readable in a row of tabs. Layout is the template of the page's middle, Nav the entry of
	// the navigation that it belongs to.
	Title, Layout, Nav string
	Sections           []section
	// Missing says that what the page is about does not exist.
	Missing bool
	// Still says that it is an answer to something, which must neither change nor be asked for again.
	Still bool
	// Charts names the pool whose charts the layout has; empty if it has none.
	Charts string
}

// section is what changes as a whole and is sent as a whole: a template and what it shows. One with Parts shows
// these instead, one below the other, each of which changes alone.
type section struct {
	// ID is unique in the page, and the section's as long as it lives: by it the browser knows which one to change.
	ID, Template string
	Data         any
	Parts        []section
}

// drawn is a sheet as HTML.
type drawn struct {
	title, layout, nav string
	missing            bool
	// Charts is as in sheet.
	Charts string
	order  []string
	// pieces are the sections and parts by ID.
	pieces map[string]piece
}

type piece struct {
	html []byte
	// parts are the IDs of those that it is made of.
	parts []string
}

// draw makes the HTML of all sections.
func draw(t *template.Template, s sheet) (*drawn, error) {
	d := &drawn{title: s.Title, layout: s.Layout, nav: s.Nav, missing: s.Missing, Charts: s.Charts, pieces: make(map[string]piece)}
	for _, x := range s.Sections {
		d.order = append(d.order, x.ID)
		if err := d.add(t, x); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func (d *drawn) add(t *template.Template, s section) error {
	if _, taken := d.pieces[s.ID]; taken {
		return fmt.Errorf("two sections have the ID %q", s.ID)
	}
	var buf bytes.Buffer
	var parts []string
	if s.Template != "" {
		// Into a buffer first: a page that breaks off in the middle would pass for a whole one.
		if err := t.ExecuteTemplate(&buf, s.Template, s.Data); err != nil {
			return err
		}
	}
	for _, p := range s.Parts {
		if err := d.add(t, p); err != nil {
			return err
		}
		parts = append(parts, p.ID)
		fmt.Fprintf(&buf, `<div id="s-%s">%s</div>`, template.HTMLEscapeString(p.ID), d.pieces[p.ID].html)
	}
	d.pieces[s.ID] = piece{html: bytes.TrimSpace(buf.Bytes()), parts: parts}
	return nil
}

// changes are the messages that turn what the page showed into what it is to show; nil turns any state into d. What a
// reader opened, focused or scrolled stays, for it is morphed.
func (d *drawn) changes(before *drawn) []byte {
	var buf bytes.Buffer
	var send func(id string)
	send = func(id string) {
		now := d.pieces[id]
		if before != nil {
			was := before.pieces[id]
			if bytes.Equal(was.html, now.html) {
				return
			}
			if len(now.parts) > 0 && strings.Join(was.parts, " ") == strings.Join(now.parts, " ") {
				for _, part := range now.parts {
					send(part)
				}
				return
			}
		}
		fmt.Fprintf(&buf, `<hx-partial hx-target="[id=&quot;s-%s&quot;]" hx-swap="innerMorph">%s</hx-partial>`, template.HTMLEscapeString(id), now.html)
	}
	for _, id := range d.order {
		send(id)
	}
	if buf.Len() > 0 && (before == nil || before.title != d.title) {
		fmt.Fprintf(&buf, "<title>%s · Ballast</title>", template.HTMLEscapeString(d.title))
	}
	return buf.Bytes()
}

// Section is a section in its place. Templates call it.
func (d *drawn) Section(id string) (template.HTML, error) {
	p, ok := d.pieces[id]
	if !ok {
		return "", fmt.Errorf("the layout %q has a place for %q, and the page no such section", d.layout, id)
	}
	return template.HTML(fmt.Sprintf(`<div id="s-%s" class="section section-%[1]s">%s</div>`, template.HTMLEscapeString(id), p.html)), nil //nolint:gosec // Drawn by a template, which escaped it.
}
