package usage

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"berth/internal/linux/proc"
)

func counting(n *atomic.Int64) Measure {
	return func() (Sample, error) {
		n.Add(1)
		return Sample{Time: time.Now(), Memory: uint64(n.Load())}, nil
	}
}

func TestManyWhoLookAreOneWhoMeasures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFeeds(time.Second)
		var n atomic.Int64
		var watches []*Watch
		for range 5 {
			watches = append(watches, f.Watch("a", counting(&n)))
		}
		synctest.Wait()
		for _, w := range watches {
			if p := <-w.Next(); p.Now.Memory != 1 || p.Before.Ran() {
				t.Errorf("the first sample: %+v", p)
			}
		}
		time.Sleep(3500 * time.Millisecond)
		synctest.Wait()
		if n.Load() != 4 {
			t.Errorf("measured %d times in three seconds and a half", n.Load())
		}
		for _, w := range watches {
			if p := <-w.Next(); p.Now.Memory != 4 || p.Before.Memory != 3 {
				t.Errorf("who was slow has %+v", p)
			}
		}
		late := f.Watch("a", counting(&n))
		if p := <-late.Next(); p.Now.Memory != 4 || p.Before.Memory != 3 {
			t.Errorf("who came late has %+v", p)
		}
		for _, w := range append(watches, late) {
			w.Leave()
			w.Leave()
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if n.Load() != 4 || f.Watched() != 0 {
			t.Errorf("measured %d times, %d are watched when nobody looks", n.Load(), f.Watched())
		}
	})
}

func TestAContainerThatCannotBeMeasuredDoesNotRunAndHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFeeds(time.Second)
		stuck := make(chan struct{})
		a := f.Watch("a", func() (Sample, error) { <-stuck; return Sample{}, nil })
		b := f.Watch("b", func() (Sample, error) { return Sample{Time: time.Now()}, errors.New("gone") })
		time.Sleep(2 * time.Second)
		if p := <-b.Next(); p.Now.Ran() {
			t.Errorf("%+v", p)
		}
		select {
		case p := <-a.Next():
			t.Errorf("the stuck one has %+v", p)
		default:
		}
		a.Leave()
		b.Leave()
		close(stuck)
	})
}

func TestWhoComesAndGoesWhileTheKernelDoesNotAnswerSharesTheOneWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFeeds(time.Second)
		stuck := make(chan struct{})
		var n atomic.Int64
		measure := func() (Sample, error) { n.Add(1); <-stuck; return Sample{Time: time.Now()}, nil }
		for range 10 {
			w := f.Watch("a", measure)
			time.Sleep(3 * time.Second)
			w.Leave()
		}
		if n.Load() != 1 {
			t.Errorf("%d wait for the kernel", n.Load())
		}
		w := f.Watch("a", measure)
		close(stuck)
		if p := <-w.Next(); !p.Now.Ran() {
			t.Errorf("%+v", p)
		}
		w.Leave()
		synctest.Wait()
		if len(f.byID) != 0 {
			t.Error("the feed is still there")
		}
	})
}

func TestWatchersComeAndGoAtOnce(t *testing.T) {
	f := NewFeeds(time.Microsecond)
	var n atomic.Int64
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			for range 20 {
				w := f.Watch("a", counting(&n))
				<-w.Next()
				w.Leave()
			}
		})
	}
	all.Wait()
	if f.Watched() != 0 {
		t.Errorf("%d are watched", f.Watched())
	}
}

func TestOnlyInterfacesThatTheEngineGaveAreShown(t *testing.T) {
	got := given(map[string]proc.Link{"lo": {}, "eth0": {}, "eth12": {}, "tunl0": {}, "eth": {}, "eth0x": {}, "wg0": {}})
	if _, a := got["eth0"]; len(got) != 2 || !a {
		t.Errorf("%v", got)
	}
}
