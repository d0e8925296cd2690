package state

import "sync"

// late are writes that nobody waits for, in the order in which they were given.
type late struct {
	mu  sync.Mutex
	ops []Op
}

// Later has ops written before those of whatever is committed next: nobody waits for the
// disk because of them, and no commit that comes after the call is there without them. A process that is
// killed before loses them.
func (s *Store) Later(ops ...Op) {
	s.late.mu.Lock()
	defer s.late.mu.Unlock()
	s.late.ops = append(s.late.ops, ops...)
}

func (l *late) all() []Op {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Op(nil), l.ops...)
}

// drop forgets the first n, which are written.
func (l *late) drop(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ops = append([]Op(nil), l.ops[n:]...)
}
