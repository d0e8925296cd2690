package logs

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// lines makes a raw log: a second of a minute and a text each.
func lines(all ...string) string {
	var b strings.Builder
	for _, l := range all {
		second, text, _ := strings.Cut(l, " ")
		fmt.Fprintf(&b, "2026-01-02T03:04:%s.000000000Z %s\n", second, text)
	}
	return b.String()
}

// shown merges logs and tells every line's log and message.
func shown(t *testing.T, live bool, in ...io.Reader) string {
	t.Helper()
	g := New()
	for _, r := range in {
		g.Add(t.Context(), r, true)
	}
	var got []string
	err := g.Merge(t.Context(), live, func(which int, l Line) error {
		got = append(got, fmt.Sprintf("%d:%s", which, l.Message()))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(got, " ")
}

func TestLogsAreMergedByTheirTimes(t *testing.T) {
	for _, live := range []bool{false, true} {
		got := shown(t, live, strings.NewReader(lines("01 a", "04 b", "05 c")), strings.NewReader(lines("02 d", "03 e", "06 f")), strings.NewReader(""))
		if got != "0:a 1:d 1:e 0:b 0:c 1:f" {
			t.Errorf("live %v: %s", live, got)
		}
	}
	// What has no time, as a line that somebody wrote into the answer, comes at once.
	if got := shown(t, false, strings.NewReader(lines("01 a")+"Error grabbing logs: x"), strings.NewReader(lines("02 b"))); got != "0:a 0:Error grabbing logs: x 1:b" {
		t.Errorf("got %s", got)
	}
	// Frames tell the stream, and a last line needs no end.
	framed := string([]byte{2, 0, 0, 0, 0, 0, 0, 3}) + "one"
	g := New()
	g.Add(t.Context(), strings.NewReader(framed), false)
	err := g.Merge(t.Context(), false, func(_ int, l Line) error {
		if l.Text != "one" || !l.Stderr {
			t.Errorf("got %+v", l)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestASilentLogDoesNotHoldUpTheOthers(t *testing.T) {
	silent, _ := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	g := New()
	g.Add(ctx, silent, true)
	g.Add(ctx, strings.NewReader(lines("01 a", "02 b")), true)
	n := 0
	err := g.Merge(ctx, true, func(int, Line) error {
		if n++; n == 2 {
			cancel()
			_ = silent.Close()
		}
		return nil
	})
	if n != 2 || err != nil && ctx.Err() == nil {
		t.Errorf("%d lines, %v", n, err)
	}
}

func TestALineWithoutAnEndIsCut(t *testing.T) {
	endless := io.LimitReader(zeros{}, 3*longest)
	g := New()
	g.Add(t.Context(), endless, true)
	n := 0
	err := g.Merge(t.Context(), false, func(_ int, l Line) error {
		if n++; len(l.Text) > 2*longest {
			t.Errorf("a line has %d bytes", len(l.Text))
		}
		return nil
	})
	if n < 2 || err != nil {
		t.Errorf("%d lines, %v", n, err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestAMessageIsWhatIsBehindItsTime(t *testing.T) {
	for text, at := range map[string]time.Time{"x y": {}, "2026-01-02T03:04:05Z y": time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} {
		l := Line{Text: text, At: at}
		if want := map[bool]string{true: "x y", false: "y"}[at.IsZero()]; l.Message() != want {
			t.Errorf("%q is %q", text, l.Message())
		}
	}
}
