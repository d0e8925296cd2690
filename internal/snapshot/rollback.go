//go:build linux

package snapshot

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/failpoint"
	"berth/internal/fault"
	"berth/internal/snapshot/tree"
)

// Rollback puts a subject's files back as a snapshot has them, by one exchange of two directories, and keeps
// what they were as a snapshot, the first that it returns: so it can be taken back. The other is the one that
// it has gone back to. It is durable when it returns.
//
// The directory of that snapshot is made before, with the files that are to be put in place in it, under
// a name that says so, and with their inode in its record. A daemon that finds it sees by that
// number whether the exchange has been: then the snapshot gets its name, and else it goes.
func (s *Service) Rollback(ctx context.Context, sub Subject, ref string) (before, to Snapshot, err error) {
	if err := sub.Idle(ctx, func() error { return nil }); err != nil { // before there is any work
		return before, to, err
	}
	unlock, err := s.lock(ctx, sub.Home)
	if err != nil {
		return before, to, err
	}
	defer unlock()
	to, err = s.Get(sub, ref)
	if err != nil {
		return before, to, err
	}
	if to.Tree != "" && to.Tree != sub.Tree {
		return before, to, fault.New(fault.Unsupported, "%s keeps its files in another way than when %s was taken, and cannot be rolled back to it", sub.Title, ref)
	}
	wrap := func(err error) error {
		if fault.Is(err, fault.Conflict) { // who has begun to use it says that already
			return err
		}
		return fault.Wrap(kindOf(err), err, "%s cannot be rolled back to %s", sub.Title, ref)
	}
	x := Snapshot{ID: newID(), Created: time.Now().UTC(), Tree: sub.Tree, Reason: "before the rollback to " + to.title()}
	if sub.Swap != nil {
		before, err = s.swap(ctx, sub, x, func(into *os.File) error { return spread(ctx, dir(sub.Home, to.ID), into) })
		return before, to, wrap(err)
	}
	before, err = s.replace(ctx, sub, x, func(a *aside) error { return unfold(ctx, dir(sub.Home, to.ID), a, a.dir, treeDir) })
	return before, to, wrap(err)
}

// title is what a user calls a snapshot.
func (x Snapshot) title() string {
	if x.Name != "" {
		return x.Name
	}
	return x.ID[:12]
}

// prepare writes down what the exchange needs, beside what is to be put in place.
func prepare(ctx context.Context, sub Subject, a *aside, x *Snapshot) error {
	var st unix.Stat_t
	if err := unix.Fstatat(int(a.dir.Fd()), treeDir, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	old, err := openDir(filepath.Join(sub.Home, sub.Tree))
	if err != nil {
		return err
	}
	u, err := tree.Measure(ctx, old)
	old.Close()
	if err != nil {
		return err
	}
	x.Bytes, x.Entries = u.Bytes, u.Entries
	failpoint.At("rollback.built")
	return a.done(record{*x, st.Ino})
}

// exchange puts the new files in the place of the old ones. To some file systems (xfs) a directory
// that is renamed has changed: it gets its times back.
func exchange(place string, a *aside) (swapped bool, err error) {
	other := filepath.Join(a.path, treeDir)
	var was, becomes unix.Stat_t
	if err := errors.Join(unix.Lstat(place, &was), unix.Lstat(other, &becomes)); err != nil {
		return false, err
	}
	if err := unix.Renameat2(unix.AT_FDCWD, other, unix.AT_FDCWD, place, unix.RENAME_EXCHANGE); err != nil {
		return false, err
	}
	failpoint.At("rollback.swapped")
	err = errors.Join(dated(place, &becomes), dated(other, &was), unix.Syncfs(int(a.dir.Fd())))
	return true, err
}

// dated gives a directory the times that it had.
func dated(path string, st *unix.Stat_t) error {
	return unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{st.Atim, st.Mtim}, unix.AT_SYMLINK_NOFOLLOW)
}

// Recover ends what a killed daemon was doing to the snapshots of a home, with its files where they are. Nobody uses
// them yet.
func (s *Service) Recover(home, files string, open func() (string, func(), error)) error {
	if err := recoverApart(home, open); err != nil {
		return fault.Wrap(fault.Internal, err, "the rollback of %s cannot be finished", home)
	}
	entries, err := os.ReadDir(filepath.Join(home, dirName))
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return fault.Wrap(fault.Internal, err, "the snapshots cannot be listed")
	}
	left := false
	for _, e := range entries {
		name := e.Name()
		path := filepath.Join(home, dirName, name)
		id, back := strings.CutPrefix(name, backPrefix)
		switch {
		case back && hasBeen(path, filepath.Join(home, files)):
			if err := (&aside{path: path}).name(home, id); err != nil {
				return fault.Wrap(fault.Internal, err, "the rollback of %s cannot be finished", home)
			}
		case strings.HasPrefix(name, "."):
			left = true
			s.throw(path)
		}
	}
	if !left {
		return nil
	}
	return fault.Wrap(fault.Internal, collect(home), "what snapshots have left in %s cannot be removed", home)
}

// hasBeen tells whether a rollback has made its exchange.
func hasBeen(path, place string) bool {
	r, err := read(path)
	if err != nil || r.Becomes == 0 {
		return false
	}
	var st unix.Stat_t
	return unix.Lstat(place, &st) == nil && st.Ino == r.Becomes
}
