//go:build linux

package transfer

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"berth/internal/fault"
	"berth/internal/image"
)

// workers is how many cases run at once: they mostly wait for the disk.
const workers = 6

// campaign runs do for every fault at every point, and says how many that were.
func campaign(t *testing.T, points []string, start func() func(t *testing.T, f *faulty)) {
	t.Helper()
	cases := make(chan *faulty)
	var all sync.WaitGroup
	for range workers {
		do := start()
		all.Go(func() {
			for f := range cases {
				t.Run(fmt.Sprintf("%s at %s, always %v", f.kind, f.at, f.always), func(t *testing.T) { do(t, f) })
			}
		})
	}
	n := 0
	for _, at := range points {
		for _, kind := range kinds() {
			for _, always := range []bool{false, true} {
				cases <- &faulty{kind: kind, at: at, always: always}
				n++
			}
		}
	}
	close(cases)
	all.Wait()
	if t.Logf("%d cases", n); n < 150 {
		t.Errorf("only %d cases: the points are %q", n, points)
	}
}

func TestAPullFromARegistryThatFailsEndsWellOrClearlyAndTheNextGoesOn(t *testing.T) {
	s := makeSample(t, 3)
	first := newRegistry(t)
	s.offer(first, "a/x")
	if err := newEngine(t).pull(first.host() + "/a/x"); err != nil {
		t.Fatal(err)
	}
	campaign(t, points(first), func() func(t *testing.T, f *faulty) {
		r, e := newRegistry(t), newEngine(t)
		s.offer(r, "a/x")
		name := r.host() + "/a/x"
		return func(t *testing.T, f *faulty) {
			r.begin(f)
			err := e.pull(name)
			arrived := e.arrived(t, s)
			if err != nil {
				plain(t, err)
				if _, err := e.Get(context.Background(), name+":1"); !fault.Is(err, fault.NotFound) {
					t.Errorf("something is visible after a failed pull: %v", err)
				}
				r.begin(nil)
				if err := e.pull(name); err != nil {
					t.Fatalf("the next pull: %v", err)
				}
				if sent, _, _ := r.moved(); f.harmless() && sent > s.whole()-arrived {
					t.Errorf("the next pull fetched %d of %d bytes, and %d were there", sent, s.whole(), arrived)
				}
			}
			e.check(t, name+":1", s)
			if _, err := e.Remove(context.Background(), name+":1", image.RemoveOptions{Force: true}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestAPushToARegistryThatFailsEndsWellOrClearlyAndTheNextGoesOn(t *testing.T) {
	s := makeSample(t, 3)
	source := newRegistry(t)
	s.offer(source, "a/x")
	start := func() (*registry, engine, string) {
		r, e := newRegistry(t), newEngine(t)
		if err := e.pull(source.host() + "/a/x"); err != nil {
			t.Fatal(err)
		}
		name := r.host() + "/a/x"
		if err := e.Tag(context.Background(), source.host()+"/a/x:1", name+":1"); err != nil {
			t.Fatal(err)
		}
		return r, e, name
	}
	first, e, name := start()
	if err := e.push(name); err != nil {
		t.Fatal(err)
	}
	campaign(t, points(first), func() func(t *testing.T, f *faulty) {
		r, e, name := start()
		return func(t *testing.T, f *faulty) {
			r.reset()
			r.begin(f)
			if err := e.push(name); err != nil {
				plain(t, err)
				_, _, whole := r.moved()
				if f.kind == "half" && f.always {
					whole += r.halves()
				}
				r.begin(nil)
				if err := e.push(name); err != nil {
					t.Fatalf("the next push: %v", err)
				}
				if _, taken, _ := r.moved(); taken+whole > s.whole() {
					t.Errorf("the next push sent %d of %d bytes, and %d were there", taken, s.whole(), whole)
				}
			}
			r.begin(nil)
			for d, b := range s.blobs {
				if string(r.blobs["a/x@"+d.String()]) != string(b) {
					t.Errorf("the registry does not have %s as it was", d)
				}
			}
			if got := r.manifests["a/x@1"]; string(got.body) != string(s.manifests[1].body) || got.kind != s.manifests[1].kind {
				t.Errorf("the tag stands for %s", got.body)
			}
		}
	})
}

// whole is what all blobs of an image take.
func (s sample) whole() int64 {
	n := int64(0)
	for _, b := range s.blobs {
		n += int64(len(b))
	}
	return n
}

// harmless faults spoil no bytes that have arrived.
func (f *faulty) harmless() bool {
	switch f.kind {
	case "corrupt", "long", "html", "empty", "truncate", "half":
		return false
	}
	return true
}
