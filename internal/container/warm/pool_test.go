package warm

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"
)

// shop makes and drops things that are their own IDs, and keeps account.
type shop struct {
	mu    sync.Mutex
	made  int
	alive map[string]bool
	fails bool
}

func (s *shop) make(_ context.Context, kind string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fails {
		return "", errors.New("there is none")
	}
	s.made++
	id := fmt.Sprint(kind, s.made)
	s.alive[id] = true
	return id, nil
}

func (s *shop) drop(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.alive[id] {
		panic(id + " is dropped twice, or after it was taken")
	}
	delete(s.alive, id)
}

func (s *shop) left() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.alive)
}

func open(t *testing.T, change func(*Config[string])) (*Pool[string], *shop) {
	t.Helper()
	s := &shop{alive: map[string]bool{}}
	cfg := Config[string]{Size: 2, Idle: time.Hour, Hold: time.Hour, Make: s.make, Drop: s.drop, ID: func(id string) string { return id }}
	if change != nil {
		change(&cfg)
	}
	p := New(cfg)
	t.Cleanup(p.Close)
	return p, s
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("in vain: ", what)
		}
	}
}

func full(p *Pool[string], n int) func() bool { return func() bool { return len(p.Things()) == n } }

func TestAPoolIsEmptyUntilSomebodyWantsSomething(t *testing.T) {
	p, s := open(t, nil)
	if _, ok := p.Reserve("a"); ok || s.left() != 0 {
		t.Error("there is something already")
	}
	p.Want("a")
	eventually(t, "two wait", full(p, 2))
	if _, ok := p.Reserve("b"); ok {
		t.Error("what waits is of another kind")
	}
}

func TestWhatIsReservedIsTakenOnceAndByItsID(t *testing.T) {
	p, s := open(t, nil)
	p.Want("a")
	eventually(t, "two wait", full(p, 2))
	id, ok := p.Reserve("a")
	if !ok {
		t.Fatal("nothing is reserved")
	}
	if other, ok := p.Reserve("a"); !ok || other == id || !p.Reserved(id) {
		t.Errorf("%q is reserved twice", other)
	}
	if got, ok := p.Take(id); !ok || got != id {
		t.Errorf("%q, %v is taken for %q", got, ok, id)
	}
	if _, ok := p.Take(id); ok {
		t.Error("it is taken twice")
	}
	p.Want("a")
	eventually(t, "two wait beside the one that is reserved", full(p, 3))
	p.Close()
	if s.left() != 1 {
		t.Errorf("%d are left, and one was taken", s.left())
	}
}

func TestWhatWaitsIsSparedForWhoNeedsWhatItIsMadeOf(t *testing.T) {
	p, s := open(t, nil)
	p.Want("a")
	eventually(t, "two wait", full(p, 2))
	id, _ := p.Reserve("a")
	if _, ok := p.Spare("b", true); ok {
		t.Error("one of another kind is given out")
	}
	first, ok := p.Spare("a", false)
	if !ok || first == id {
		t.Errorf("%q, %v is given out and %q was set aside", first, ok, id)
	}
	eventually(t, "others are made in its place", full(p, 3))
	for range 2 {
		p.Spare("a", true)
	}
	if _, ok := p.Spare("a", false); ok {
		t.Error("what was set aside is given out")
	}
	if second, ok := p.Spare("a", true); !ok || second != id || p.Reserved(id) {
		t.Errorf("%q, %v is given out instead of %q", second, ok, id)
	}
	if s.left() != 4 {
		t.Error("what is the caller's was dropped")
	}
}

func TestWhatNobodyTakesOrWantsIsDropped(t *testing.T) {
	p, s := open(t, func(c *Config[string]) { c.Hold = time.Millisecond })
	p.Want("a")
	eventually(t, "two wait", full(p, 2))
	p.Reserve("a")
	eventually(t, "the reserved one is dropped", func() bool { return s.left() == 1 })
	p, s = open(t, func(c *Config[string]) { c.Idle = 20 * time.Millisecond })
	p.Want("a")
	eventually(t, "something is made", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.made > 0 })
	eventually(t, "all are dropped", func() bool { return s.left() == 0 && len(p.Things()) == 0 })
}

func TestWhatCannotBeMadeIsTriedAgainWithTheNextDemand(t *testing.T) {
	p, s := open(t, nil)
	s.fails = true
	p.Want("a")
	eventually(t, "the pool gives up", func() bool { p.mu.Lock(); defer p.mu.Unlock(); return !p.shelves["a"].filling })
	s.mu.Lock()
	s.fails = false
	s.mu.Unlock()
	p.Want("a")
	eventually(t, "two wait", full(p, 2))
}

func TestAClosedPoolHasNothing(t *testing.T) {
	p, s := open(t, func(c *Config[string]) { c.Size = 20 })
	p.Want("a")
	p.Close()
	p.Want("a")
	if _, ok := p.Reserve("a"); ok || s.left() != 0 {
		t.Errorf("%d are left", s.left())
	}
}

func TestManyWhoWantReserveAndTakeLoseNothing(t *testing.T) {
	p, s := open(t, func(c *Config[string]) { c.Hold = 100 * time.Microsecond })
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 200 {
				p.Want(fmt.Sprint(i % 2))
				if id, ok := p.Reserve(fmt.Sprint(i % 2)); ok {
					if thing, ok := p.Take(id); ok {
						s.drop(thing)
					}
				}
			}
		})
	}
	wg.Wait()
	p.Close()
	eventually(t, "nothing is left", func() bool { return s.left() == 0 })
}
