package imagetree

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/moby/moby/api/types/image"
)

const (
	untagged = "<untagged>"
	gap      = "   "
	// narrowest is the least that names get; other columns make room for them.
	narrowest = 12
)

// Look is how a list is to be shown.
type Look struct {
	Expanded bool // with platforms
	Width    int  // of the terminal; 0 for a pipe, which has no end
	Colours  bool
}

// column is one of those behind the names.
type column struct {
	title string
	width int
	right bool
	value func(row) string
}

// Text is the list of images.
func Text(images []image.Summary, look Look) string {
	list := entries(images, look.Expanded)
	t := &text{look: look, columns: columns(list, look)}
	t.names = widest(list)
	if look.Width > 0 {
		t.fit(max(look.Width, 20))
		t.legend()
	}
	t.heading()
	spaced := false
	for _, e := range list {
		spaced = spaced || len(e.children) > 0
	}
	for _, e := range list {
		t.entry(e)
		if spaced {
			t.b.WriteByte('\n')
		}
	}
	return t.b.String()
}

type text struct {
	b       strings.Builder
	look    Look
	names   int // the width of the first column
	columns []column
}

func columns(list []entry, look Look) []column {
	used := false
	for _, e := range list {
		used = used || e.row.used
	}
	extra := func(r row) string {
		switch {
		case !used:
			return ""
		case !r.used && look.Colours:
			return "   "
		case !r.used:
			return " "
		}
		return chip(look)
	}
	return []column{
		{title: "ID", width: 12, value: func(r row) string { return r.id }},
		{title: "DISK USAGE", width: 10, right: true, value: func(r row) string { return r.disk }},
		{title: "CONTENT SIZE", width: 12, right: true, value: func(r row) string { return r.content }},
		{title: "EXTRA", width: 5, value: extra},
	}
}

func chip(look Look) string {
	if look.Colours {
		return "\x1b[38;5;0m\x1b[48;5;14m U \x1b[0m"
	}
	return "U"
}

func widest(list []entry) int {
	n := len("IMAGE")
	for _, e := range list {
		if len(e.names) == 0 {
			n = max(n, len(untagged))
		}
		for _, name := range e.names {
			n = max(n, utf8.RuneCountInString(name))
		}
		for _, c := range e.children {
			n = max(n, utf8.RuneCountInString("└─ ")+utf8.RuneCountInString(c.platform))
		}
	}
	return n
}

// fit drops the columns that a terminal has no room for, and gives the names the rest.
func (t *text) fit(width int) {
	rest := width
	for i, c := range t.columns {
		if rest-c.width-len(gap) < narrowest {
			t.columns = t.columns[:i]
			break
		}
		rest -= c.width + len(gap)
	}
	t.names = min(t.names, rest)
}

// legend explains the marks, at the right.
func (t *text) legend() {
	head := " Info -> "
	if t.look.Colours {
		head = "\x1b[1m\x1b[106m\x1b[30mi\x1b[0m \x1b[96mInfo → \x1b[0m\x1b[0m"
	}
	line := head + " " + chip(t.look) + " In Use"
	t.b.WriteString(strings.Repeat(" ", max(t.look.Width-width(line), 0)) + line + "\n")
}

func (t *text) heading() {
	t.b.WriteString(t.pad("IMAGE", t.names, bold))
	for _, c := range t.columns {
		t.b.WriteString(gap)
		if c.right {
			t.b.WriteString(strings.Repeat(" ", c.width-len(c.title)) + t.paint(c.title, bold))
		} else {
			t.b.WriteString(t.pad(c.title, c.width, bold))
		}
	}
	t.b.WriteByte('\n')
}

// entry writes the names of an image below each other, what is told of it
// behind the last one, or on a line of its own behind a name that is too long,
// and its platforms.
func (t *text) entry(e entry) {
	if len(e.names) == 0 {
		t.b.WriteString(t.pad(untagged, t.names, faint))
	}
	for i, name := range e.names {
		last, long := i == len(e.names)-1, utf8.RuneCountInString(name) > t.names
		t.b.WriteString(t.pad(clean(name), t.names, blue))
		if !last || long {
			t.b.WriteByte('\n')
		}
		if last && long {
			t.b.WriteString(strings.Repeat(" ", t.names))
		}
	}
	t.row(e.row, "")
	for i, c := range e.children {
		branch, style := "├─ ", ""
		if i == len(e.children)-1 {
			branch = "└─ "
		}
		if !c.available {
			style = faint
		}
		t.b.WriteString(t.pad(branch+clean(c.platform), t.names, style))
		t.row(c.row, style)
	}
}

func (t *text) row(r row, style string) {
	for _, c := range t.columns {
		value := c.value(r)
		fill := strings.Repeat(" ", max(c.width-width(value), 0))
		if c.title != "EXTRA" {
			value = t.paint(value, style)
		}
		if c.right {
			value = fill + value
		} else {
			value += fill
		}
		t.b.WriteString(gap + value)
	}
	t.b.WriteByte('\n')
}

// Styles of a text.
const (
	bold  = "\x1b[39m\x1b[1m"
	blue  = "\x1b[34m\x1b[1m"
	faint = "\x1b[39m\x1b[2m"
)

func (t *text) paint(s, style string) string {
	if !t.look.Colours || style == "" || s == "" {
		return s
	}
	return style + s + "\x1b[0m"
}

func (t *text) pad(s string, width int, style string) string {
	return t.paint(s, style) + strings.Repeat(" ", max(width-utf8.RuneCountInString(s), 0))
}

// clean takes out of a name what would steer the terminal.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, s)
}

// width counts the characters of a text without its colours.
func width(s string) int {
	n, escaped := 0, false
	for _, r := range s {
		switch {
		case r == 0x1b:
			escaped = true
		case escaped:
			escaped = r != 'm'
		default:
			n++
		}
	}
	return n
}
