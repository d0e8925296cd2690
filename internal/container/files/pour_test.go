package files

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"berth/internal/fault"
)

func TestAWholeStreamEndsAsOne(t *testing.T) {
	for range 2000 { // the end of the view must not look like the end of the stream
		ctx, cancel := context.WithCancel(context.Background())
		var out bytes.Buffer
		err := pour(ctx, &out, func(w io.Writer) error { _, err := io.WriteString(w, "all"); return err }, cancel)
		if err != nil || out.String() != "all" {
			t.Fatalf("%q %v", out.String(), err)
		}
	}
}

func TestAnErrorInTheMiddleIsNoEnd(t *testing.T) {
	broken := errors.New("broken")
	released := false
	err := pour(context.Background(), io.Discard, func(io.Writer) error { return broken }, func() { released = true })
	if err != broken || !released {
		t.Error(err, released)
	}
}

// stuck is a client that takes nothing.
type stuck chan struct{}

func (s stuck) Write(b []byte) (int, error) { <-s; return len(b), nil }

func TestAClientThatTakesNothingDoesNotHoldTheViewWhenItHasToGo(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	client, released, ended := make(stuck), make(chan struct{}), make(chan error)
	go func() {
		ended <- pour(ctx, client, func(w io.Writer) error {
			for {
				if _, err := io.WriteString(w, strings.Repeat("x", 1<<20)); err != nil {
					return err
				}
			}
		}, func() { close(released) })
	}()
	cancel()
	<-released
	close(client)
	if err := <-ended; !fault.Is(err, fault.Cancelled) {
		t.Error(err)
	}
}

func TestAClientThatSendsNothingDoesNotHoldTheViewWhenItHasToGo(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	silent, _ := io.Pipe()
	began := make(chan struct{})
	go func() { <-began; cancel() }()
	err := receive(ctx, silent, func(r io.Reader) error {
		close(began)
		_, err := io.ReadAll(r)
		return err
	})
	if !fault.Is(err, fault.Cancelled) {
		t.Error(err)
	}
}
