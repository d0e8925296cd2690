//go:build linux

// Package snapshot keeps earlier states of trees of files: of volumes and of containers' own layers.
//
// A snapshot is taken in passes. The first ones take in what there is while programs go on
// writing; then those are frozen for as long as it takes to look at everything once more and to take in what
// has changed since. So a snapshot is what a crash at one moment would have left: of two writes
// that follow each other it never has the second without the first. Contents are clones, which share
// their blocks with the files they are of, where the file system can do that (btrfs, xfs with reflink). Elsewhere
// they are kept in pieces, of which each is kept once for all snapshots of a subject.
//
// On the disk:
//
//	<home>/snapshots/<id>/snapshot.json   what is known of it
//	<home>/snapshots/<id>/tree/           the files, or
//	<home>/snapshots/<id>/manifest        what they are made of: package chunk/tree
//	<home>/snapshots/chunks/              the pieces of that
//	<home>/snapshots/.new-*               being made: nobody's if the daemon is killed
//	<home>/snapshots/.back-<id>           a rollback under way: see rollback.go
//	<home>/snapshots/.gone-*              being removed
//
// where home is the directory of the volume or the container, with which its snapshots are renamed,
// thrown away and brought back. A snapshot gets its name by one rename, when it is on the disk.
package snapshot

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"berth/internal/fault"
)

// Snapshot is one earlier state.
type Snapshot struct {
	ID      string // 64 hexadecimal digits
	Name    string `json:",omitempty"` // "" for none; no two of one subject have the same
	Created time.Time
	Labels  map[string]string `json:",omitempty"`
	Reason  string            `json:",omitempty"` // why the engine has taken it; "" when a user asked for it
	Tree    string            // where in the home the files were
	Bytes   int64             // in its files, each once
	Entries int64             // files, directories and all else
	Frozen  time.Duration     // how long those who use the files stood still; 0 when nobody ran
}

// Subject is what snapshots are of.
type Subject struct {
	Title string // "volume data", for people
	Home  string // its directory, in which its snapshots are
	Tree  string // its files, below Home
	// Open makes the files readable and tells where, until shut. nil where they are so always, at Tree in the home.
	Open func() (dir string, shut func(), err error)
	// Apart says that the files have a file system or a quota of their own: nothing can be moved in or out.
	Apart bool
	// Swap replaces the files where they are all that such a file system or quota has; nil where they are not.
	Swap Swap
	// Still runs do while nothing changes the files, and no longer than window: then those who
	// were stopped go on, ctx ends, and the error is a context.DeadlineExceeded. stood is for how long they were, 0 when nobody had to be.
	Still func(ctx context.Context, window time.Duration, do func(ctx context.Context) error) (stood time.Duration, err error)
	// Idle runs do while nobody uses the files nor begins to; a Conflict says who does.
	Idle func(ctx context.Context, do func() error) error
}

// Wish is a snapshot as it is asked for.
type Wish struct {
	Name   string
	Labels map[string]string
}

// Service takes snapshots and keeps them. Its methods may be called from any goroutine.
type Service struct {
	mu    sync.Mutex
	locks map[string]chan struct{} // by home: held by who changes what there is
	trash sync.WaitGroup           // removals that nobody waits for
}

// New returns a Service.
func New() *Service { return &Service{locks: map[string]chan struct{}{}} }

// Close waits for the removals that are under way.
func (s *Service) Close() { s.trash.Wait() }

// lock keeps others from changing the snapshots in a home, or gives up with ctx.
func (s *Service) lock(ctx context.Context, home string) (unlock func(), err error) {
	s.mu.Lock()
	l := s.locks[home]
	if l == nil {
		l = make(chan struct{}, 1)
		s.locks[home] = l
	}
	s.mu.Unlock()
	select {
	case l <- struct{}{}:
		return func() { <-l }, nil
	case <-ctx.Done():
		return nil, fault.As(fault.Cancelled, ctx.Err())
	}
}

func newID() string {
	var b [32]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// check is about what is asked for, beside the snapshots that there are.
func (w Wish) check(title string, there []Snapshot) error {
	if w.Name == "" {
		return nil
	}
	if len(w.Name) > 128 || !regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]+$`).MatchString(w.Name) {
		return fault.New(fault.Invalid, "invalid snapshot name %s: only [a-zA-Z0-9][a-zA-Z0-9_.-], two characters or more, are allowed", fault.Quoted(w.Name))
	}
	if slices.ContainsFunc(there, func(x Snapshot) bool { return x.Name == w.Name }) {
		return fault.New(fault.Conflict, "%s has a snapshot %s already", title, w.Name)
	}
	return nil
}

// find is the snapshot that a user means: by its name, its ID, or how that begins.
func find(title string, there []Snapshot, ref string) (Snapshot, error) {
	var found []Snapshot
	for _, x := range there {
		if ref == "" {
			break
		}
		if x.Name == ref || x.ID == ref {
			return x, nil
		}
		if strings.HasPrefix(x.ID, ref) {
			found = append(found, x)
		}
	}
	switch len(found) {
	case 0:
		return Snapshot{}, fault.New(fault.NotFound, "%s has no snapshot %s", title, ref)
	case 1:
		return found[0], nil
	}
	return Snapshot{}, fault.New(fault.Invalid, "%s has several snapshots whose IDs begin with %s", title, ref)
}

// oldestFirst is the order in which snapshots are shown.
func oldestFirst(list []Snapshot) {
	slices.SortFunc(list, func(a, b Snapshot) int { return cmp.Or(a.Created.Compare(b.Created), strings.Compare(a.ID, b.ID)) })
}
