package event

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"berth/internal/fault"
	"berth/internal/peer"
)

func openLog(t testing.TB, dir string, limit int64) *Log {
	t.Helper()
	l, err := open(dir, limit, func(format string, args ...any) { t.Errorf(format, args...) })
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// tell publishes events with the IDs from to to.
func tell(l *Log, from, to int) {
	for i := from; i < to; i++ {
		l.Publish(Message{Type: Container, Action: Start, ID: strconv.Itoa(i), Attributes: Attributes{"name": "c" + strconv.Itoa(i)}})
	}
}

// hear returns the IDs of the next n events.
func hear(t testing.TB, h *Listener, n int) string {
	t.Helper()
	var ids []string
	for range n {
		m, err := h.Next(t.Context())
		if err != nil {
			t.Fatalf("after %v: %v", ids, err)
		}
		ids = append(ids, m.ID)
	}
	return strings.Join(ids, " ")
}

func numbers(from, to int) string {
	var ids []string
	for i := from; i < to; i++ {
		ids = append(ids, strconv.Itoa(i))
	}
	return strings.Join(ids, " ")
}

func listen(t testing.TB, l *Log, want Range) *Listener {
	t.Helper()
	h, err := l.Listen(want)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

var longAgo = time.Unix(1, 0) // the beginning of every log

func TestWhatIsKeptAndWhatComesAreHeardOnceAndInOrder(t *testing.T) {
	l := openLog(t, t.TempDir(), 1<<20)
	defer l.Close()
	tell(l, 0, 50)
	h := listen(t, l, Range{Since: longAgo})
	tell(l, 50, 100)
	if got := hear(t, h, 100); got != numbers(0, 100) {
		t.Error(got)
	}
}

func TestWithoutABeginningOnlyWhatComesIsHeard(t *testing.T) {
	l := openLog(t, t.TempDir(), 1<<20)
	defer l.Close()
	tell(l, 0, 5)
	h := listen(t, l, Range{})
	tell(l, 5, 8)
	if got := hear(t, h, 3); got != numbers(5, 8) {
		t.Error(got)
	}
}

func TestManyWhoPublishAndListenAtOnceMissAndRepeatNothing(t *testing.T) {
	l := openLog(t, t.TempDir(), 16<<10) // the files change all the time
	defer l.Close()
	var publishers, listeners sync.WaitGroup
	for p := range 4 {
		publishers.Go(func() { tell(l, p*100, p*100+100) })
	}
	for range 8 {
		listeners.Go(func() {
			h, err := l.Listen(Range{Since: longAgo})
			if err != nil {
				t.Error(err)
				return
			}
			defer h.Close()
			var last time.Time
			for n := 0; ; n++ {
				m, err := h.Next(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				if m.ID == "end" {
					return
				}
				if !m.Time.After(last) {
					t.Errorf("%s comes at %v, after %v", m.ID, m.Time, last)
				}
				last = m.Time
			}
		})
	}
	publishers.Wait()
	l.Publish(Message{Type: Container, ID: "end"})
	listeners.Wait()
}

func TestEventsOutliveTheDaemonWithoutBeingClosed(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, dir, 1<<20)
	by := &peer.Peer{PID: 7, UID: 1000, Program: "docker"}
	l.Publish(Message{Type: Network, Action: "connect", ID: "n", Attributes: Attributes{"container": "c"}, Scope: "swarm", By: by})
	again := openLog(t, dir, 1<<20) // as after kill -9
	defer again.Close()
	m, err := listen(t, again, Range{Since: longAgo}).Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if m.Type != Network || m.Action != "connect" || m.ID != "n" || m.Attributes["container"] != "c" || m.Scope != "swarm" || *m.By != *by || time.Since(m.Time) > time.Hour {
		t.Errorf("%+v", m)
	}
}

func TestTheEndOfARangeEndsTheListening(t *testing.T) {
	l := openLog(t, t.TempDir(), 1<<20)
	defer l.Close()
	tell(l, 0, 3)
	past := listen(t, l, Range{Until: time.Now()})
	tell(l, 3, 4)
	if got := hear(t, past, 3); got != numbers(0, 3) {
		t.Error(got)
	}
	if _, err := past.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	soon := listen(t, l, Range{Since: time.Now(), Until: time.Now().Add(20 * time.Millisecond)})
	tell(l, 4, 5)
	if got := hear(t, soon, 1); got != "4" {
		t.Error(got)
	}
	if _, err := soon.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

func TestOnlyEventsWithinTheRangeAreHeard(t *testing.T) {
	l := openLog(t, t.TempDir(), 1<<20)
	defer l.Close()
	tell(l, 0, 5)
	all := listen(t, l, Range{Since: longAgo})
	var times []time.Time
	for range 5 {
		m, err := all.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		times = append(times, m.Time)
	}
	if got := hear(t, listen(t, l, Range{Since: times[1], Until: times[3]}), 3); got != "1 2 3" {
		t.Error(got)
	}
	if got := hear(t, listen(t, l, Range{Since: times[1].Add(1)}), 3); got != "2 3 4" {
		t.Error(got)
	}
}

func TestWhoIsTooSlowIsLetGoAndKeepsNobodyWaiting(t *testing.T) {
	l := openLog(t, t.TempDir(), 1<<20)
	defer l.Close()
	slow := listen(t, l, Range{})
	tell(l, 0, recent+1)
	if _, err := slow.Next(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Error(err)
	}
}

func TestListeningEndsWithItsContextAndWithTheLog(t *testing.T) {
	l := openLog(t, t.TempDir(), 1<<20)
	ctx, cancel := context.WithCancel(t.Context())
	h := listen(t, l, Range{})
	cancel()
	if _, err := h.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if l.Listeners() != 1 {
		t.Error(l.Listeners())
	}
	l.Close()
	if _, err := h.Next(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Error(err)
	}
	h.Close()
	if l.Listeners() != 0 {
		t.Error(l.Listeners())
	}
}

func TestTheFilesAreBoundedAndTheLatestIsKept(t *testing.T) {
	dir := t.TempDir()
	const limit = 4 << 10
	l := openLog(t, dir, limit)
	defer l.Close()
	tell(l, 0, 1000)
	var size int64
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	if size > 2*limit || size < limit || len(files) != 2 {
		t.Errorf("%d files of %d bytes", len(files), size)
	}
	var ids []string
	if err := l.Find(time.Time{}, func(m Message) bool { ids = append(ids, m.ID); return true }); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(ids, " "), numbers(1000-len(ids), 1000); got != want {
		t.Error(got)
	}
}

func TestAListenerReadsOnWhileTheFilesAreReplaced(t *testing.T) {
	l := openLog(t, t.TempDir(), 8<<10)
	defer l.Close()
	tell(l, 0, 60)
	h := listen(t, l, Range{Since: longAgo})
	tell(l, 60, 400)
	if got := hear(t, h, 400); got != numbers(0, 400) {
		t.Error(got)
	}
}

func TestWhatAPowerFailureLeavesOfAFileIsPassedOver(t *testing.T) {
	for name, rest := range map[string]string{
		"half a line": `{"t":17,"type":"cont`, "zeros": "\x00\x00\x00", "no event": "null\n{}\n[]\n{\"t\":x}\n",
		"a time alone": `{"t":9999999999999999999999999,"type":"x"}` + "\n", "one that is not closed": `{"t":5,`,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l := openLog(t, dir, 1<<20)
			tell(l, 0, 2)
			l.Close()
			f, err := os.OpenFile(filepath.Join(dir, fileName), os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteString(rest); err != nil {
				t.Fatal(err)
			}
			f.Close()
			l = openLog(t, dir, 1<<20)
			defer l.Close()
			tell(l, 2, 4)
			if got := hear(t, listen(t, l, Range{Since: longAgo}), 4); got != numbers(0, 4) {
				t.Error(got)
			}
		})
	}
}

func TestADiskThatTakesNothingIsToldOfOnceAndGetsTheEventsLater(t *testing.T) {
	var told []string
	l, err := open(t.TempDir(), 1<<20, func(format string, args ...any) { told = append(told, fmt.Sprintf(format, args...)) })
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	tell(l, 0, 2)
	good := l.store.file
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	l.store.file = full
	live := listen(t, l, Range{})
	tell(l, 2, 4)
	if got := hear(t, live, 2); got != "2 3" {
		t.Error(got)
	}
	if got := hear(t, listen(t, l, Range{Since: longAgo}), 4); got != numbers(0, 4) {
		t.Error(got)
	}
	full.Close()
	l.store.file = good
	tell(l, 4, 5)
	if got := hear(t, listen(t, l, Range{Since: longAgo}), 5); got != numbers(0, 5) || len(told) != 1 || len(l.store.pending) != 0 {
		t.Error(got, told)
	}
}

func TestTimesRiseWhateverTheClockDoes(t *testing.T) {
	const s = int64(time.Second)
	for _, c := range []struct{ now, last, want int64 }{
		{10 * s, 0, 10 * s}, {10 * s, 10 * s, 10*s + 1}, {10*s - 5, 10 * s, 10*s + 1}, {5 * s, 10 * s, 5 * s},
	} {
		if got := stamp(c.now, c.last); got != c.want {
			t.Errorf("%d after %d: %d", c.now, c.last, got)
		}
	}
}

func FuzzAnyFileCanBeRead(f *testing.F) {
	f.Add([]byte("{\"t\":1,\"type\":\"container\",\"action\":\"die\"}\n{\"t\":"))
	f.Add([]byte{'\n', 0, '{'})
	f.Fuzz(func(t *testing.T, content []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, fileName), content, 0o600); err != nil {
			t.Fatal(err)
		}
		l := openLog(t, dir, 1<<20)
		defer l.Close()
		tell(l, 7, 8)
		found := false
		if err := l.Find(time.Time{}, func(m Message) bool { found = found || m.ID == "7"; return true }, `"7"`); err != nil || !found {
			t.Error("the new event is not found", err)
		}
	})
}

func BenchmarkPublish(b *testing.B) {
	l := openLog(b, b.TempDir(), FileLimit/2)
	defer l.Close()
	m := Message{Type: Container, Action: Die, ID: strings.Repeat("a", 64), Attributes: Attributes{"name": "web", "image": "nginx:latest", "exitCode": "0", "execDuration": "12"}}
	for b.Loop() {
		l.Publish(m)
	}
}

func BenchmarkFindInAFullLog(b *testing.B) {
	l := openLog(b, b.TempDir(), FileLimit/2)
	defer l.Close()
	for range 60000 {
		l.Publish(Message{Type: Container, Action: Die, ID: strings.Repeat("a", 64), Attributes: Attributes{"name": "web", "image": "nginx:latest", "exitCode": "0", "execDuration": "12"}})
	}
	for b.Loop() {
		l.Find(time.Time{}, func(Message) bool { return true }, "nothing")
	}
}
