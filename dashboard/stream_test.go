package dashboard

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ballast-lb/ballast/internal/telemetry"
)

// pageOf is a page with a title and sections, each its name and what is in it; "pools" is made of parts, a=1,b=2.
func pageOf(t *testing.T, title string, sections ...string) *drawn {
	t.Helper()
	s := sheet{Title: title}
	tmpl := New(Options{}).templates
	for i := 0; i+1 < len(sections); i += 2 {
		x := section{ID: sections[i], Template: "icon", Data: sections[i+1]}
		if x.ID == "pools" {
			x.Template = ""
			for part := range strings.SplitSeq(sections[i+1], ",") {
				id, data, _ := strings.Cut(part, "=")
				x.Parts = append(x.Parts, section{ID: id, Template: "icon", Data: data})
			}
		}
		s.Sections = append(s.Sections, x)
	}
	d, err := draw(tmpl, s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDrawn_changes(t *testing.T) {
	before := pageOf(t, "2/2", "tiles", "1", "pools", "web=1,api=1", "foot", "1")
	tests := []struct {
		name string
		now  *drawn
		// want are the sections that are sent, then the title if it is.
		want string
	}{
		{"nothing", pageOf(t, "2/2", "tiles", "1", "pools", "web=1,api=1", "foot", "1"), ""},
		{"a_section", pageOf(t, "2/2", "tiles", "2", "pools", "web=1,api=1", "foot", "1"), "tiles"},
		{"a_part", pageOf(t, "2/2", "tiles", "1", "pools", "web=1,api=2", "foot", "1"), "api"},
		{"another_part", pageOf(t, "3/3", "tiles", "1", "pools", "web=1,api=1,new=1", "foot", "1"), "pools title"},
		{"another_order", pageOf(t, "2/2", "tiles", "1", "pools", "api=1,web=1", "foot", "1"), "pools"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := sent(string(tt.now.changes(before))); got != tt.want {
				t.Errorf("sent %q, want %q", got, tt.want)
			}
			if got := sent(string(tt.now.changes(nil))); got != "tiles pools foot title" {
				t.Errorf("to a new viewer %q, want all", got)
			}
		})
	}
}

// sent are the sections of a message, and "title".
func sent(message string) string {
	var ids []string
	for part := range strings.SplitSeq(message, `hx-target="[id=&quot;s-`) {
		if id, _, ok := strings.Cut(part, `&quot;]`); ok {
			ids = append(ids, id)
		}
	}
	if strings.Contains(message, "<title>") {
		ids = append(ids, "title")
	}
	return strings.Join(ids, " ")
}

func TestDraw_refuses_two_of_an_ID(t *testing.T) {
	s := sheet{Sections: []section{{ID: "a", Template: "icon"}, {ID: "a", Template: "icon"}}}
	if _, err := draw(New(Options{}).templates, s); err == nil {
		t.Error("two sections of one ID were drawn")
	}
}

// stream opens the stream of a page; what comes is read line by line.
func (s *served) stream(t *testing.T, page string, header ...string) (*http.Response, *bufio.Scanner) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	path := s.URL + s.pages.streamPath(page, "overview")
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := (&http.Transport{DisableCompression: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	var body io.Reader = resp.Body
	if resp.Header.Get("Content-Encoding") == "gzip" {
		if body, err = gzip.NewReader(body); err != nil {
			t.Fatal(err)
		}
	}
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 1<<20)
	return resp, lines
}

// next is the next message.
func next(t *testing.T, lines *bufio.Scanner) string {
	t.Helper()
	var data []string
	for lines.Scan() {
		line, ok := strings.CutPrefix(lines.Text(), "data:")
		if !ok {
			return strings.Join(data, "\n")
		}
		data = append(data, line)
	}
	t.Fatalf("the stream ended: %v", lines.Err())
	return ""
}

func TestStream(t *testing.T) {
	for _, encoding := range []string{"", "gzip"} {
		t.Run("encoding_"+encoding, func(t *testing.T) {
			s := serve(t, busy())
			resp, lines := s.stream(t, "/", "Accept-Encoding", encoding)
			if resp.Header.Get("Content-Type") != "text/event-stream" || resp.Header.Get("Content-Encoding") != encoding {
				t.Fatalf("head = %v", resp.Header)
			}
			first := next(t, lines)
			if got := sent(first); got != "brand engine notices foot tiles empty topology pools left changes decisions title" {
				t.Errorf("first sent %q, want all", got)
			}
			_, page := get(t, s, "/")
			for _, part := range strings.Split(first, "<hx-partial ")[1:] {
				_, html, _ := strings.Cut(part, ">")
				html, _, _ = strings.Cut(html, "</hx-partial>")
				if !strings.Contains(page, html) {
					t.Errorf("the page lacks what the stream sends: %s", html)
				}
			}
			later := busy()
			later.Report.Pools[0].Requests += 7
			s.show(later)
			// The tiles have the sum; of the pools only one has changed.
			if got := sent(next(t, lines)); got != "tiles pool-reports" {
				t.Errorf("then sent %q, want the tiles and the pool reports", got)
			}
		})
	}
}

// However many look at a page, it is drawn once.
func TestStream_draws_once_for_all(t *testing.T) {
	s := serve(t, busy())
	var times atomic.Int64
	inner := s.pages.hub.draw
	s.pages.hub.draw = func(host, page string) (*drawn, error) {
		times.Add(1)
		return inner(host, page)
	}
	var all []*bufio.Scanner
	for range 20 {
		_, lines := s.stream(t, "/")
		next(t, lines)
		all = append(all, lines)
	}
	before := times.Load()
	began := time.Now()
	later := busy()
	later.Report.Pools[0].Requests += 7
	s.show(later)
	for _, lines := range all {
		next(t, lines)
	}
	if n, most := times.Load()-before, int64(time.Since(began)/refreshEvery)+2; n > most {
		t.Errorf("drawn %d times for 20 viewers, want at most %d", n, most)
	}
}

func TestStream_ends_with_the_dashboard(t *testing.T) {
	s := serve(t, busy())
	_, lines := s.stream(t, "/")
	next(t, lines)
	s.pages.Close()
	for lines.Scan() {
	}
	if err := lines.Err(); err != nil {
		t.Errorf("the stream broke off: %v", err)
	}
	s.pages.Close() // A second time does nothing.
}

// A page that an older Ballast made has other assets: it is told to load anew.
func TestStream_of_an_older_page(t *testing.T) {
	s := serve(t, busy())
	_, body := get(t, s, "/dashboard/stream?"+url.Values{"page": {"/"}, "v": {"older"}}.Encode())
	if body != outdated {
		t.Errorf("sent %q, want to be told to load the page again", body)
	}
}

// A page whose subject goes, or comes, has another layout: it is loaded anew.
func TestStream_of_a_page_about_something_that_goes(t *testing.T) {
	s := serve(t, busy())
	path := s.pages.streamPath("/pools/shop", "one-pool")
	if _, body := get(t, s, s.pages.streamPath("/pools/none", "only")); body != outdated {
		t.Errorf("of a pool that is none: %q", body)
	}
	if _, body := get(t, s, s.pages.streamPath("/pools/shop", "only")); body != outdated {
		t.Errorf("of a pool that was none when the page was made: %q", body)
	}
	resp, err := s.Client().Get(s.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	if got := sent(next(t, lines)); !strings.HasPrefix(got, "brand engine notices foot pool acts decisions") {
		t.Fatalf("first sent %q", got)
	}
	s.show(input())
	for lines.Scan() {
		if lines.Text() == "event:outdated" {
			return
		}
	}
	t.Errorf("the stream ended without a word: %v", lines.Err())
}

// What containers print may end lines of an event in any way that SSE knows.
func TestNewMessage_lines(t *testing.T) {
	got := string(newMessage([]byte("a\r\nb\revent:outdated\rc\nd")).plain)
	if want := "data:a\ndata:b\ndata:event:outdated\ndata:c\ndata:d\n\n"; got != want {
		t.Errorf("message = %q, want %q", got, want)
	}
}

// However a page is asked for, those that are the same are drawn once.
func TestRequest_String(t *testing.T) {
	for page, want := range map[string]string{
		"/": "/", "/?x=1": "/", "/pools/a%2Fb?y": "/pools/a/b", "/decisions?action=refuse&pool=shop&z=1": "/decisions?action=refuse&pool=shop",
		"/decisions": "/decisions", "%zz": "/%3F",
	} {
		if got := parse("", page).String(); got != want {
			t.Errorf("parse(%q) = %q, want %q", page, got, want)
		}
	}
}

// A page that changes by a lot is drawn more seldom, so that a viewer gets no more than streamRate.
func TestHub_keeps_to_its_rate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		h := newHub(func(string, string) (*drawn, error) {
			n++
			var noise bytes.Buffer
			for i := range 20_000 {
				fmt.Fprint(&noise, (i*7919+n*104729)%99991)
			}
			return &drawn{order: []string{"a"}, pieces: map[string]piece{"a": {html: noise.Bytes()}}}, nil
		})
		page := place{"", "/"}
		c, err := h.join(page)
		if err != nil {
			t.Fatal(err)
		}
		defer h.leave(page, c)
		began, sent := time.Now(), 0
		f, err := h.look(page, c, time.Now())
		for range 20 {
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Until(f.stale))
			f, err = h.look(page, c, time.Now())
			sent += len(f.delta.deflated)
		}
		if rate := float64(sent) / time.Since(began).Seconds(); rate > 1.3*streamRate {
			t.Errorf("%.0f bytes per second, want at most %d or so", rate, streamRate)
		}
		if took := time.Since(began); took < 40*refreshEvery {
			t.Errorf("20 large changes took %s: the test is none", took)
		}
	})
}

func TestHub_bounds_its_viewers(t *testing.T) {
	h := newHub(nil)
	page := place{"", "/"}
	for range maxViewers {
		if _, err := h.join(page); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.join(place{"", "/other"}); err == nil {
		t.Error("one more than there may be was let in")
	}
	h.leave(page, h.channels[page])
	if _, err := h.join(page); err != nil {
		t.Errorf("after one has left: %v", err)
	}
}

// BenchmarkStream is what a second costs while a hundred look at the overview.
func BenchmarkStream(b *testing.B) {
	in := busy()
	d := New(Options{
		Document:   func() telemetry.Document { in.Now = in.Now.Add(time.Second); return telemetry.NewDocument(in) },
		Containers: func() []telemetry.ContainerDoc { return nil },
	})
	page := place{"x", "/"}
	c, err := d.hub.join(page)
	if err != nil {
		b.Fatal(err)
	}
	now, has := time.Now(), (*frame)(nil)
	bytes := 0
	for b.Loop() {
		now = now.Add(time.Minute)
		f, err := d.hub.look(page, c, now)
		if err != nil {
			b.Fatal(err)
		}
		for range 100 {
			m := f.since(has)
			if _, err := httptest.NewRecorder().Write(m.deflated); err != nil {
				b.Fatal(err)
			}
			bytes += len(m.deflated)
			if has == nil {
				break
			}
		}
		has = f
	}
	b.ReportMetric(float64(bytes)/float64(b.N)/100, "bytes/viewer")
}
