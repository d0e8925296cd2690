package logfile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"berth/internal/fault"
)

// deadline is how long a test waits for what has to happen.
func deadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func TestFollowersLoseNothingAndRepeatNothingOverRotations(t *testing.T) {
	const lines, readers = 5000, 4
	for _, o := range []Options{{MaxSize: 20000, MaxFile: 100}, {MaxSize: 20000, MaxFile: 100, Compress: true}, {MaxFile: 1}} {
		ctx := deadline(t)
		l := open(t, filepath.Join(t.TempDir(), "log"), o)
		var wg sync.WaitGroup
		follow := func() {
			next := 0
			err := l.Read(ctx, ReadOptions{Tail: -1, Follow: true}, func(e Entry) error {
				if want := fmt.Sprintf("line %d\n", next); string(e.Line) != want {
					return fmt.Errorf("%q instead of %q", e.Line, want)
				}
				next++
				return nil
			})
			if err != nil || next != lines {
				t.Errorf("%d of %d lines, %v", next, lines, err)
			}
		}
		for i := range lines {
			if i%(lines/readers) == 0 { // some come late
				wg.Go(follow)
			}
			write(t, l, "stdout", fmt.Sprintf("line %d\n", i))
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
	}
}

// following starts a follower and gives what it reads and how it ends.
func following(ctx context.Context, l *Log, o ReadOptions) (<-chan string, <-chan error) {
	o.Follow = true
	got, end := make(chan string), make(chan error, 1)
	go func() {
		end <- l.Read(ctx, o, func(e Entry) error {
			select {
			case got <- string(e.Line):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	return got, end
}

func receive[T any](t *testing.T, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(time.Minute):
		t.Fatal("nothing came")
	}
	return v
}

func TestAFollowerIsWokenByTheWriterAndEndsWithTheLog(t *testing.T) {
	l := open(t, filepath.Join(t.TempDir(), "log"), usual)
	write(t, l, "stdout", "old\nlast\n")
	got, end := following(deadline(t), l, ReadOptions{Tail: 1})
	for _, want := range []string{"last\n", "new\n", "newer\n"} {
		if s := receive(t, got); s != want {
			t.Errorf("%q, not %q", s, want)
		}
		switch want {
		case "last\n":
			write(t, l, "stderr", "new\n")
		case "new\n":
			write(t, l, "stderr", "newer\nheld")
		}
	}
	go l.Close()
	if s := receive(t, got); s != "held" {
		t.Errorf("what was held came as %q", s)
	}
	if err := receive(t, end); err != nil {
		t.Error(err)
	}
}

func TestAFollowerEndsWithItsContextAndAtUntil(t *testing.T) {
	l := open(t, filepath.Join(t.TempDir(), "log"), usual)
	ctx, cancel := context.WithCancel(deadline(t))
	_, end := following(ctx, l, ReadOptions{})
	cancel()
	if err := receive(t, end); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	_, end = following(deadline(t), l, ReadOptions{Until: time.Now().Add(50 * time.Millisecond)})
	if err := receive(t, end); err != nil {
		t.Error(err)
	}
}

func TestAFollowerGoesOnAfterTheFileWasTruncated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l := open(t, path, usual)
	write(t, l, "stdout", "a long line before the file is made empty\n")
	got, _ := following(deadline(t), l, ReadOptions{Tail: -1})
	receive(t, got)
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	write(t, l, "stdout", "b\n")
	if s := receive(t, got); s != "b\n" {
		t.Errorf("%q", s)
	}
}

func TestAReaderThatStandsStillIsLeftBehindInTheEnd(t *testing.T) {
	l := open(t, filepath.Join(t.TempDir(), "log"), Options{MaxSize: 1000, MaxFile: 2})
	write(t, l, "stdout", "first\n")
	got, end := following(deadline(t), l, ReadOptions{Tail: -1})
	receive(t, got)
	for i := range 1000 {
		write(t, l, "stdout", fmt.Sprintf("line %d\n", i))
	}
	for {
		select {
		case <-got:
			continue
		case err := <-end:
			if !fault.Is(err, fault.Unavailable) {
				t.Errorf("it ended with %v", err)
			}
		case <-time.After(time.Minute):
			t.Error("it neither reads on nor ends")
		}
		break
	}
	held := 0
	l.mu.Lock()
	for s := l.oldest; s != nil; s = s.next {
		held++
	}
	l.mu.Unlock()
	if held != 1 {
		t.Errorf("%d files are still held", held)
	}
}

func TestFilesThatRotateWhileTheyAreCompressedAreReadInOrder(t *testing.T) {
	const lines = 20000
	path := filepath.Join(t.TempDir(), "log")
	l := open(t, path, Options{MaxSize: 20000, MaxFile: 5, Compress: true})
	end := make(chan struct{})
	go func() {
		defer close(end)
		for i := range lines {
			if err := l.Write("stdout", noon, fmt.Appendf(nil, "line %d\n", i)); err != nil {
				t.Error(err)
			}
		}
	}()
	inOrder := func() {
		t.Helper()
		next := -1
		err := l.Read(deadline(t), all, func(e Entry) error {
			var n int
			if _, err := fmt.Sscanf(string(e.Line), "line %d\n", &n); err != nil || next >= 0 && n != next {
				return fmt.Errorf("%q instead of line %d", e.Line, next)
			}
			next = n + 1
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	for running := true; running; {
		select {
		case <-end:
			running = false
		default:
		}
		l.compress()
		inOrder()
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for i := 1; i < 5; i++ {
		if _, err := os.Stat(fmt.Sprintf("%s.%d.gz", path, i)); err != nil {
			t.Error(err)
		}
	}
	if left, _ := filepath.Glob(path + "*"); len(left) != 5 {
		t.Errorf("there are %v", left)
	}
}
