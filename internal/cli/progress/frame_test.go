package progress

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/jsonstream"
)

// told makes a part of messages.
func told(t *testing.T, title string, messages ...string) *part {
	t.Helper()
	b := &Board{tty: true, stop: func() {}}
	p := b.place(title)
	for _, text := range messages {
		var m jsonstream.Message
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			t.Fatal(err)
		}
		b.item(p, m)
	}
	return p
}

func moving(id, status string, now, whole int) string {
	return fmt.Sprintf(`{"id":%q,"status":%q,"progressDetail":{"current":%d,"total":%d}}`, id, status, now, whole)
}

func is(id, status string) string {
	return fmt.Sprintf(`{"id":%q,"status":%q,"progressDetail":{}}`, id, status)
}

func wantLines(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestEveryLayerHasALineWithABarAndBelowIsTheSum(t *testing.T) {
	p := told(t, "", is("a", "Waiting"), moving("b", "Downloading", 500_000, 2_000_000), moving("c", "Downloading", 8_000_000, 8_000_000),
		moving("c", "Extracting", 1_000_000, 8_000_000), is("d", "Already exists"))
	wantLines(t, frame([]*part{p}, 2_000_000, 60, 24),
		"a: Waiting",
		"b: Downloading [======>                  ]     500kB/2MB",
		"c: Extracting  [===>                     ]       1MB/8MB",
		"d: Already exists",
		"Total: 8.5MB/10MB, 2MB/s, 1s left")
	wantLines(t, settled([]*part{p}, 60)[3:], "d: Already exists")
}

func TestWhatIsFinishedGivesWayOnASmallTerminal(t *testing.T) {
	p := told(t, "", is("a", "Pull complete"), moving("b", "Downloading", 1, 10), is("c", "Already exists"), moving("d", "Downloading", 2, 10), is("e", "Waiting"))
	wantLines(t, frame([]*part{p}, 0, 45, 6), "b: Downloading [=>        ]        1B/10B", "d: Downloading [==>       ]        2B/10B", "e: Waiting", "and 2 more", "Total: 3B/20B")
	wantLines(t, frame([]*part{p}, 0, 45, 5), "b: Downloading [=>        ]        1B/10B", "d: Downloading [==>       ]        2B/10B", "and 3 more", "Total: 3B/20B")
	for height := range 6 {
		if lines := frame([]*part{p}, 0, 40, height+1); len(lines) > max(height, 2) {
			t.Errorf("%d lines on a terminal of %d", len(lines), height+1)
		}
	}
	if got := len(settled([]*part{p}, 40)); got != 5 {
		t.Errorf("%d lines are left of 5", got)
	}
}

func TestNoLineIsAsWideAsTheTerminal(t *testing.T) {
	p := told(t, "", is(strings.Repeat("é", 100), "Waiting"), moving("b", strings.Repeat("Downloading", 3), 1, 10))
	for width := 1; width < 130; width++ {
		for _, line := range frame([]*part{p}, 1, width, 24) {
			if n := len([]rune(line)); n >= width {
				t.Fatalf("%d characters on a terminal of %d: %q", n, width, line)
			}
		}
	}
}

func TestNamesDoNotSteerTheTerminal(t *testing.T) {
	p := told(t, "", `{"id":"a\u001b[2J\u0007","status":"Wait\ring\n\u009b1m","progressDetail":{}}`)
	wantLines(t, frame([]*part{p}, 0, 80, 24), "a[2J: Waiting1m")
}

func TestNumbersWithUnitsOrWithoutAnEnd(t *testing.T) {
	for text, want := range map[string]string{
		`{"current":5,"units":"s"}`:                 "5 s",
		`{"current":5,"total":9,"units":"files"}`:   "5/9 files",
		`{"current":5000}`:                          "     5kB",
		`{"current":5000,"total":1000}`:             "     5kB",
		`{"current":1,"total":2,"hidecounts":true}`: "",
		`{}`: "",
	} {
		var p jsonstream.Progress
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			t.Fatal(err)
		}
		if got := amount(p); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	if got := bar(-5, 3, 4) + bar(9, 3, 4); got != "[>   ][====]" {
		t.Error(got)
	}
}

func TestThePaceIsMeasuredOverSecondsAndSmoothed(t *testing.T) {
	p := told(t, "", moving("a", "Downloading", 1, 100))
	parts, now := []*part{p}, time.Unix(1, 0)
	var s speed
	if got := s.at(now, parts); got != 0 {
		t.Error(got)
	}
	p.rows[0].now = 31
	if got := s.at(now.Add(time.Second/2), parts); got != 0 {
		t.Error("measured after half a second:", got)
	}
	if got := s.at(now.Add(time.Second), parts); got != 30 {
		t.Error(got)
	}
	p.rows[0].now = 91
	if got := s.at(now.Add(2*time.Second), parts); got != 40 {
		t.Error(got)
	}
}

func TestSeveralStreamsKeepTheirPlaces(t *testing.T) {
	b := &Board{tty: true, stop: func() {}}
	one, two := b.place("one"), b.place("two")
	b.text(two, "second\n")
	b.item(one, jsonstream.Message{ID: "a", Status: "Waiting", Progress: &jsonstream.Progress{}})
	b.text(one, "first\n")
	wantLines(t, frame(b.parts, 0, 80, 24), "one", "a: Waiting", "first", "two", "second")
}
