package progress

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/docker/go-units"
	"github.com/moby/moby/api/types/jsonstream"
)

const (
	usualWidth, usualHeight = 80, 24 // of a terminal that does not say
	longestBar, shortestBar = 50, 10 // cells
	numbersWidth            = len("1.234GB/1.234GB")
)

// frame is what a terminal shows of parts while they go on. It has fewer lines
// than the terminal, or the terminal would scroll and the next frame could not
// take its place: what is finished gives way first.
func frame(parts []*part, s pace, width, height int) []string {
	if width <= 0 || height <= 0 {
		width, height = usualWidth, usualHeight
	}
	sum := total(parts, s)
	room := height - 1 - len(sum)
	rows, hidden := rowsOf(parts), 0
	if len(rows) > room {
		var busy []*row
		for _, r := range rows {
			if r.id == "" || !r.finished() {
				busy = append(busy, r)
			}
		}
		if len(busy) > room-1 {
			busy = busy[:max(room-1, 0)]
		}
		rows, hidden = busy, len(rows)-len(busy)
	}
	var lines []string
	for _, r := range rows {
		lines = append(lines, r.line(width))
	}
	if hidden > 0 {
		lines = append(lines, cut(fmt.Sprintf("and %d more", hidden), width-1))
	}
	for _, line := range sum {
		lines = append(lines, cut(line, width-1))
	}
	return lines
}

// settled is what a terminal shows of parts at the end.
func settled(parts []*part, width int) []string {
	if width <= 0 {
		width = usualWidth
	}
	var lines []string
	for _, r := range rowsOf(parts) {
		lines = append(lines, r.line(width))
	}
	return lines
}

func rowsOf(parts []*part) []*row {
	var rows []*row
	for _, p := range parts {
		rows = append(rows, p.rows...)
	}
	return rows
}

// finished reports that nothing more will come of an item.
func (r *row) finished() bool {
	switch r.status {
	case "Pull complete", "Already exists", "Pushed", "Layer already exists":
		return true
	}
	return strings.HasPrefix(r.status, "Mounted from ")
}

// line is a row in one line that is narrower than the terminal, with as long a
// bar as there is room for.
func (r *row) line(width int) string {
	if r.id == "" {
		return cut(r.status, width-1)
	}
	text, numbers := r.id+": "+r.status, amount(r.progress)
	if numbers == "" {
		return cut(text, width-1)
	}
	text = fmt.Sprintf("%s: %-11s", r.id, r.status)
	if p := r.progress; p.Total > 0 {
		// As much for the numbers on every line, so that the bars are as long as each other.
		room := min(width-1-utf8.RuneCountInString(text)-max(len(numbers), numbersWidth)-len(" []  "), longestBar)
		if room >= shortestBar {
			text += " " + bar(p.Current, p.Total, room) + " "
		}
	}
	return cut(text+" "+numbers, width-1)
}

// bar is an arrow as far as a part is of a whole.
func bar(now, whole int64, width int) string {
	n := int(float64(min(max(now, 0), whole)) / float64(whole) * float64(width))
	if n == width {
		return "[" + strings.Repeat("=", width) + "]"
	}
	return "[" + strings.Repeat("=", n) + ">" + strings.Repeat(" ", width-n-1) + "]"
}

func amount(p jsonstream.Progress) string {
	current := units.HumanSize(float64(p.Current))
	switch {
	case p.Current <= 0 && p.Total <= 0, p.HideCounts:
		return ""
	case p.Units != "" && p.Total > 0:
		return fmt.Sprintf("%d/%d %s", p.Current, p.Total, p.Units)
	case p.Units != "":
		return fmt.Sprintf("%d %s", p.Current, p.Units)
	case p.Total <= 0 || p.Current > p.Total:
		return fmt.Sprintf("%8s", current)
	}
	return fmt.Sprintf("%8s/%s", current, units.HumanSize(float64(p.Total)))
}

// pace is how fast bytes move, in bytes a second; 0 when it is not known yet.
type pace float64

// total is a line on everything that is moved, where there are several items.
func total(parts []*part, s pace) []string {
	now, whole, n := moved(parts)
	if n < 2 || now >= whole {
		return nil
	}
	text := fmt.Sprintf("Total: %s/%s", units.HumanSize(float64(now)), units.HumanSize(float64(whole)))
	if s >= 1 {
		left := time.Duration(float64(whole-now) / float64(s) * float64(time.Second))
		text += fmt.Sprintf(", %s/s, %s left", units.HumanSize(float64(s)), left.Round(time.Second))
	}
	return []string{text}
}

// moved sums the bytes of all items.
func moved(parts []*part) (now, whole int64, n int) {
	for _, r := range rowsOf(parts) {
		if r.whole > 0 {
			now, whole, n = now+r.now, whole+r.whole, n+1
		}
	}
	return now, whole, n
}

// speed measures a pace, smoothed over some seconds.
type speed struct {
	since time.Time
	bytes int64
	pace  pace
}

// at returns the pace at a moment.
func (s *speed) at(t time.Time, parts []*part) pace {
	now, _, _ := moved(parts)
	d := t.Sub(s.since)
	switch {
	case s.since.IsZero() || now < s.bytes:
		*s = speed{since: t, bytes: now}
	case d >= time.Second:
		fresh := pace(float64(now-s.bytes) / d.Seconds())
		if s.pace > 0 {
			fresh = (2*s.pace + fresh) / 3
		}
		*s = speed{since: t, bytes: now, pace: fresh}
	}
	return s.pace
}

// cut shortens a text to a number of characters, and takes out of it what would
// steer the terminal: names come from registries.
func cut(text string, width int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, text)
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	return string([]rune(text)[:max(width, 0)])
}
