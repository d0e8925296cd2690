//go:build linux

package transfer

import (
	"context"
	"testing"

	"berth/internal/image"
	"berth/internal/image/transfer"
)

// halfPushed is an engine whose push of a sample broke off in the middle of its only layer.
func halfPushed(t *testing.T, fail func(r *registry, e engine, name string) error) (s sample, r *registry, e engine, name string) {
	t.Helper()
	s, source := makeSample(t, 1), newRegistry(t)
	s.offer(source, "a/x")
	r, e = newRegistry(t), newEngine(t)
	if err := e.pull(source.host() + "/a/x"); err != nil {
		t.Fatal(err)
	}
	name = r.host() + "/a/x"
	if err := e.Tag(context.Background(), source.host()+"/a/x:1", name+":1"); err != nil {
		t.Fatal(err)
	}
	if err := fail(r, e, name); err == nil {
		t.Fatal("the push has not failed")
	}
	if half := r.halves(); half < s.size/3 || half >= s.size {
		t.Fatalf("%d of %d bytes have arrived", half, s.size)
	}
	return s, r, e, name
}

// failAtTheLayer has the registry fall when half of the layer has arrived.
func failAtTheLayer(r *registry, e engine, name string) error {
	r.begin(&faulty{kind: "fall"})
	return e.push(name)
}

func TestAPushThatBrokeOffGoesOnWhereItStopped(t *testing.T) {
	s, r, e, name := halfPushed(t, failAtTheLayer)
	half := r.halves()
	r.begin(nil)
	if err := e.push(name); err != nil {
		t.Fatal(err)
	}
	if _, taken, _ := r.moved(); taken > s.whole()-half {
		t.Errorf("the next push sent %d of %d bytes, and %d were there", taken, s.whole(), half)
	}
	if r.halves() != 0 {
		t.Error("an upload was left behind")
	}
}

func TestAPushGoesOnWhereTheEngineBeforeStopped(t *testing.T) {
	s, r, e, name := halfPushed(t, failAtTheLayer)
	half := r.halves()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	service, err := image.Open(context.Background(), e.dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { service.Close() })
	r.begin(nil)
	if err := engineOf(service, e.dir).push(name); err != nil {
		t.Fatal(err)
	}
	if _, taken, _ := r.moved(); taken > s.whole()-half {
		t.Errorf("the next push sent %d of %d bytes, and %d were there", taken, s.whole(), half)
	}
}

func TestAPushBeginsAnewWhereTheRegistryHasForgottenIt(t *testing.T) {
	s, r, e, name := halfPushed(t, failAtTheLayer)
	r.reset()
	r.begin(nil)
	if err := e.push(name); err != nil {
		t.Fatal(err)
	}
	if _, taken, whole := r.moved(); taken != s.whole() || whole != s.whole() {
		t.Errorf("%d of %d bytes were sent, and %d are there", taken, s.whole(), whole)
	}
}

func TestAPushThatWasCancelledGoesOnWhereItStopped(t *testing.T) {
	s, r, e, name := halfPushed(t, func(r *registry, e engine, name string) error {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		r.begin(&faulty{kind: "fall", then: cancel})
		_, err := e.Push(ctx, image.PushOptions{Name: name, Tag: "1"}, func(transfer.Message) {})
		return err
	})
	half := r.halves()
	r.begin(nil)
	if err := e.push(name); err != nil {
		t.Fatal(err)
	}
	if _, taken, _ := r.moved(); taken > s.whole()-half {
		t.Errorf("the next push sent %d of %d bytes, and %d were there", taken, s.whole(), half)
	}
}
