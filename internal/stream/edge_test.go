package stream

import (
	"context"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// stuck is a client that takes nothing until it is let go.
type stuck struct {
	entered chan struct{}
	freed   chan struct{}
}

func (s *stuck) Write(p []byte) (int, error) {
	select {
	case s.entered <- struct{}{}:
	default:
	}
	<-s.freed
	return 0, io.ErrClosedPipe
}

func within(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(30 * time.Second):
		t.Fatal(what)
	}
}

func TestAClientThatTakesNothingDoesNotKeepTheNextRunFromBeginning(t *testing.T) {
	h := NewHub()
	or, ow := pipe(t)
	slow := &stuck{entered: make(chan struct{}, 1), freed: make(chan struct{})}
	served := make(chan struct{})
	m := h.Join(false)
	go func() {
		_ = m.Serve(context.Background(), Client{Stdout: slow})
		close(served)
	}()
	h.Run(Ends{Stdout: or}, nil)
	first := h.Done()
	io.WriteString(ow, "x")
	within(t, "the client was not written to", slow.entered)
	h.Abort(nil) // the process has ended and nobody waits for its clients
	within(t, "the client was not let go", served)
	h.Settle()

	or2, ow2 := pipe(t)
	var out syncBuffer
	next := h.Join(false)
	ended := make(chan struct{})
	go func() {
		if err := next.Serve(context.Background(), Client{Stdout: &out}); err != nil {
			t.Error(err)
		}
		close(ended)
	}()
	h.Run(Ends{Stdout: or2}, nil)
	io.WriteString(ow, "of the first run")
	close(slow.freed)
	ow.Close()
	within(t, "the first run did not end", first)
	if !h.Live() {
		t.Fatal("the end of the first run ended the second")
	}
	io.WriteString(ow2, "second")
	ow2.Close()
	within(t, "the second run's client was not let go", ended)
	if out.String() != "second" {
		t.Errorf("the second run's client got %q", out.String())
	}
}

func TestWhoAttachesAfterTheOutputAndBeforeTheExitDoesNotWait(t *testing.T) {
	h := NewHub()
	or, ow := pipe(t)
	h.Run(Ends{Stdout: or}, nil)
	ow.Close()
	within(t, "the run did not end", h.Done())
	if err := h.Join(false).Serve(context.Background(), Client{Stdout: io.Discard}); err != nil {
		t.Fatal(err)
	}
	h.Settle()
	ctx, cancel := context.WithCancel(context.Background())
	m := h.Join(false)
	cancel()
	if err := m.Serve(ctx, Client{Stdout: io.Discard}); err != context.Canceled {
		t.Fatalf("a place between runs ended with %v", err)
	}
}

func TestInputMeantForOneRunDoesNotReachTheNext(t *testing.T) {
	h := NewHub()
	or, ow := pipe(t)
	h.Run(Ends{Stdout: or}, nil)
	m := h.Join(true)
	ow.Close()
	within(t, "the run did not end", h.Done())
	ir, iw := pipe(t)
	or2, _ := pipe(t)
	h.Run(Ends{Stdin: iw, Stdout: or2, StdinOnce: true}, nil)
	m.Client = Client{Stdin: strings.NewReader("stray")}
	h.copyIn(m, make(chan error, 1))
	ir.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if b, err := io.ReadAll(ir); len(b) > 0 || err == nil {
		t.Errorf("the next run got %q, %v", b, err)
	}
}

func TestAnInterruptedReadLeavesWhatWasNotTakenAndOnlyThat(t *testing.T) {
	or, ow := pipe(t)
	io.WriteString(ow, "taken")
	src := source{f: or}
	src.peek()
	defer src.close()
	chunk, err := src.next()
	if err != nil {
		t.Fatal(err)
	}
	or.SetReadDeadline(time.Unix(1, 0)) // the interrupt comes between log and pipe
	if err := src.consume(len(chunk)); err != nil {
		t.Fatal(err)
	}
	if _, err := src.next(); err == nil {
		t.Fatal("an interrupted source is still read")
	}
	or.SetReadDeadline(time.Time{})
	io.WriteString(ow, "left")
	buf := make([]byte, 100)
	n, _ := or.Read(buf)
	if string(buf[:n]) != "left" {
		t.Fatalf("the next reader got %q", buf[:n])
	}
}

func TestALineThatHasBegunStaysInThePipeForWhoeverReadsNext(t *testing.T) {
	h := NewHub()
	or, ow := pipe(t)
	fd, err := unix.Dup(int(or.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	next := os.NewFile(uintptr(fd), "next")
	defer next.Close()
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	io.WriteString(ow, "one\ntwo\nthr")
	var got []string
	h.Run(Ends{Stdout: or}, func(_ byte, _ time.Time, chunk []byte) error {
		got = append(got, string(chunk))
		h.Interrupt() // the daemon ends here
		return nil
	})
	within(t, "the reading did not end", h.Done())
	b := make([]byte, 100)
	n, err := unix.Read(fd, b)
	if len(got) != 1 || got[0] != "one\ntwo\n" || err != nil || string(b[:n]) != "thr" {
		t.Errorf("it took %q and left %q, %v", got, b[:max(n, 0)], err)
	}
}

func TestALineWithoutAnEndIsPassedOnAtOnce(t *testing.T) {
	h := NewHub()
	or, ow := pipe(t)
	got := make(chan string, 10)
	h.Run(Ends{Stdout: or}, func(_ byte, _ time.Time, chunk []byte) error {
		got <- string(chunk)
		return nil
	})
	io.WriteString(ow, "one\nprompt> ")
	for _, want := range []string{"one\n", "prompt> "} {
		select {
		case s := <-got:
			if s != want {
				t.Errorf("%q, not %q", s, want)
			}
		case <-time.After(30 * time.Second):
			t.Fatal("nothing came")
		}
	}
	ow.Close()
	within(t, "the reading did not end", h.Done())
}

func TestASilentStreamTakesNoBufferAndALoudOneNoMoreThanItNeeds(t *testing.T) {
	for name, tee := range map[string]bool{"in two steps": true, "directly": false} {
		or, ow := pipe(t)
		src := source{f: or}
		if tee {
			src.peek()
		}
		if len(src.buf)+len(src.taken) > 0 {
			t.Errorf("%s: there are buffers before there is anything to read", name)
		}
		for _, size := range []int{1, smallest, smallest + 1, 3 * smallest, chunkSize, 1} {
			want := strings.Repeat("x", size-1) + "\n"
			go io.WriteString(ow, want)
			var got strings.Builder
			for got.Len() < size {
				chunk, err := src.next()
				if err != nil {
					t.Fatal(err)
				}
				got.Write(chunk)
				if err := src.consume(len(chunk)); err != nil {
					t.Fatal(err)
				}
			}
			if got.String() != want {
				t.Errorf("%s: %d bytes came, not the %d", name, got.Len(), size)
			}
			if most := max(2*size, smallest); size > 1 && len(src.buf) > most {
				t.Errorf("%s: a chunk of %d bytes takes a buffer of %d", name, size, len(src.buf))
			}
		}
		src.close()
	}
}
