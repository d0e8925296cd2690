package stream

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// pipe returns the engine's end for reading and the program's for writing.
func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func TestOutputGoesToTheLogAndToEveryoneAttachedBeforeTheStart(t *testing.T) {
	h := NewHub()
	var outs [2]syncBuffer
	var errs syncBuffer
	var clients, registered sync.WaitGroup
	for i := range outs {
		registered.Add(1)
		clients.Go(func() {
			m := h.Join(false)
			registered.Done()
			err := m.Serve(context.Background(), Client{Stdout: &outs[i], Stderr: &errs})
			if err != nil {
				t.Error(err)
			}
		})
	}
	registered.Wait()
	or, ow := pipe(t)
	er, ew := pipe(t)
	var log syncBuffer
	h.Run(Ends{Stdout: or, Stderr: er}, func(s byte, _ time.Time, p []byte) error { _, err := log.Write(p); return err })
	io.WriteString(ow, strings.Repeat("x", 300_000))
	io.WriteString(ew, "e")
	ow.Close()
	ew.Close()
	clients.Wait()
	<-h.Done()
	for i := range outs {
		if got := outs[i].String(); len(got) != 300_000 {
			t.Errorf("client %d got %d bytes", i, len(got))
		}
	}
	if errs.String() != "ee" || len(log.String()) != 300_001 {
		t.Errorf("stderr %q, log %d bytes", errs.String(), len(log.String()))
	}
}

func TestAChunkThatWasNotLoggedIsStillInThePipe(t *testing.T) {
	or, ow := pipe(t)
	io.WriteString(ow, "precious")
	src := source{f: or}
	src.peek()
	defer src.close()
	chunk, err := src.next()
	if err != nil || string(chunk) != "precious" {
		t.Fatalf("%q, %v", chunk, err)
	}
	// The daemon dies here; the next reader finds it again.
	again := make([]byte, 100)
	if n, _ := or.Read(again); string(again[:n]) != "precious" {
		t.Fatalf("the next reader got %q", again[:n])
	}
}

func TestAnAttachToARunWhoseOutputHasEndedReturnsAtOnce(t *testing.T) {
	h := NewHub()
	if err := h.Join(true).Serve(context.Background(), Client{Stdout: io.Discard}); err != nil {
		t.Fatal(err)
	}
}

func TestInputReachesTheProcessAndItsEndClosesIt(t *testing.T) {
	h := NewHub()
	ir, iw := pipe(t)
	or, ow := pipe(t)
	told := make(chan struct{})
	done := make(chan error, 1)
	m := h.Join(false)
	go func() {
		done <- m.Serve(context.Background(), Client{Stdin: strings.NewReader("hello"), Stdout: io.Discard})
	}()
	h.Run(Ends{Stdin: iw, Stdout: or, StdinOnce: true, CloseStdin: func() { close(told) }}, nil)
	got, err := io.ReadAll(ir)
	if err != nil || string(got) != "hello" {
		t.Fatalf("%q, %v", got, err)
	}
	<-told
	ow.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestDetachKeysEndTheAttachmentAndNotTheRun(t *testing.T) {
	h := NewHub()
	ir, iw := pipe(t)
	or, ow := pipe(t)
	h.Run(Ends{Stdin: iw, Stdout: or, TTY: true}, nil)
	err := h.Join(true).Serve(context.Background(), Client{Stdin: strings.NewReader("ab\x10c\x10\x11never"), Stdout: io.Discard, DetachKeys: []byte{0x10, 0x11}})
	if err != ErrDetached {
		t.Fatalf("got %v", err)
	}
	buf := make([]byte, 10)
	n, _ := io.ReadAtLeast(ir, buf, 4)
	if string(buf[:n]) != "ab\x10c" {
		t.Fatalf("the process got %q", buf[:n])
	}
	if !h.Live() {
		t.Fatal("the run ended")
	}
	ow.Close()
	<-h.Done()
}

func TestDetachKeyWords(t *testing.T) {
	for word, want := range map[string]string{"": "\x10\x11", "ctrl-a": "\x01", "ctrl-p,x": "\x10x", "ctrl-@": "\x00", "ctrl-_": "\x1f"} {
		if got, err := DetachKeys(word); err != nil || string(got) != want {
			t.Errorf("%q: %q, %v", word, got, err)
		}
	}
	for _, bad := range []string{"ctrl-", "ctrl-A", "ab", "a,,b"} {
		if _, err := DetachKeys(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestAbortLetsWaitingClientsGo(t *testing.T) {
	h := NewHub()
	done := make(chan error, 1)
	m := h.Join(false)
	go func() {
		done <- m.Serve(context.Background(), Client{Stdin: strings.NewReader("x"), Stdout: io.Discard})
	}()
	h.Abort(io.ErrUnexpectedEOF)
	if err := <-done; err != io.ErrUnexpectedEOF {
		t.Fatal(err)
	}
}
