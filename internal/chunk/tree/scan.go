//go:build linux

package tree

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// Options are how a directory is scanned.
type Options struct {
	// Earlier is a manifest of the same directory: files that are what they were then
	// are not read, and their pieces are not put anywhere. It is for the caller to know that they are there.
	Earlier *Manifest

	// Still says that nobody can write to the directory: nothing has to be written back before it is read.
	Still bool

	// Read is told how many bytes of files have been read or need not be, again and again, by one goroutine.
	Read func(bytes int64)
}

// Scan describes a directory, and gives the contents of its files to a sink.
//
// It goes by descriptors and follows no link: what changes meanwhile is found as it was before, as it is
// afterwards, or not at all, and a file that is written to meanwhile may be a mixture. So the caller stops who
// uses the directory, where that matters. What is written through a shared mapping sets a new time only when the
// write finds the page clean: what a file has to be written back is, before it is read, so that a later scan notices.
//
// Files are read in the order of the walk by one goroutine, others compute digests and put. A small file shares a
// piece with those beside it.
func Scan(ctx context.Context, dir *os.File, to Sink, o Options) (*Manifest, error) {
	s := &scan{m: &Manifest{Started: Now()}, o: o, links: map[inode]int{}}
	if o.Read == nil {
		s.o.Read = func(int64) {}
	}
	if o.Earlier != nil {
		s.earlier = listingOf(o.Earlier)
	}
	s.feed = newFeed(ctx, to)
	err := s.root(dir)
	if err == nil {
		err = s.feed.flush()
	}
	if err = s.feed.close(err); err != nil {
		return nil, err
	}
	s.feed.number(s.m)
	return s.m, nil
}

type inode struct{ dev, ino uint64 }

// scan is one under way. It is the walker's; workers know of its feed only.
type scan struct {
	m       *Manifest
	o       Options
	feed    *feed
	earlier *listing
	links   map[inode]int // the first entries of files with several names
}

func (s *scan) root(dir *os.File) error {
	n := node{fd: int(dir.Fd())}
	if err := unix.Fstat(n.fd, &n.st); err != nil {
		return err
	}
	e, err := n.entry("", 0)
	if err != nil {
		return err
	}
	if e.Kind != Dir {
		return fault.New(fault.Invalid, "what is to be scanned is no directory")
	}
	s.m.Entries = append(s.m.Entries, e)
	old := -1
	if s.earlier != nil {
		old = 0
	}
	return s.children(n.fd, 0, old)
}

// children adds what is in a directory, which is of a level and was the entry old earlier, or -1.
func (s *scan) children(dir, depth, old int) error {
	if depth == MaxDepth {
		return fault.New(fault.Invalid, "the tree is too deep: it has more than %d levels", MaxDepth)
	}
	fd, err := openat(dir, ".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return gone(err)
	}
	d := os.NewFile(uintptr(fd), "directory")
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		if err := s.feed.ctx.Err(); err != nil {
			return err
		}
		if err := s.add(fd, name, depth+1, s.earlier.child(old, name)); err != nil {
			return err
		}
	}
	return nil
}

// add adds what a name in a directory is, and all below it.
func (s *scan) add(dir int, name string, depth, old int) error {
	n, err := openNode(dir, name)
	if err != nil {
		return gone(err)
	}
	defer unix.Close(n.fd)
	if s.again(n, name, depth) {
		return nil
	}
	if s.unchanged(n, old) {
		s.reuse(old, name, depth)
		return nil
	}
	if kindOf(n.st.Mode) == File {
		return named(s.file(n, name, depth), name)
	}
	e, err := n.entry(name, depth)
	if err != nil {
		return named(err, name)
	}
	s.m.Entries = append(s.m.Entries, e)
	if e.Kind == Dir {
		return s.children(n.fd, depth, old)
	}
	return nil
}

// again adds a further name of what has had one already.
func (s *scan) again(n node, name string, depth int) bool {
	if n.st.Nlink < 2 || kindOf(n.st.Mode) == Dir {
		return false
	}
	id := inode{n.st.Dev, n.st.Ino}
	first, is := s.links[id]
	if is {
		s.m.Entries = append(s.m.Entries, Entry{Name: name, Depth: depth, Kind: Link, Target: first})
	} else {
		s.links[id] = len(s.m.Entries)
	}
	return is
}

// unchanged tells whether a file is what it was earlier.
func (s *scan) unchanged(n node, old int) bool {
	if old < 0 {
		return false
	}
	e := &s.earlier.m.Entries[old]
	return e.Kind == File && kindOf(n.st.Mode) == File && e.Size == n.st.Size && e.Seen == seenOf(&n.st) &&
		e.Attr.Modified == timespec(n.st.Mtim) && settled(e.Seen.Changed, s.earlier.m.Started)
}

// reuse adds a file as it was.
func (s *scan) reuse(old int, name string, depth int) {
	e := s.earlier.m.Entries[old]
	e.Name, e.Depth = name, depth
	e.Spans = slices.Clone(e.Spans)
	for i := range e.Spans {
		e.Spans[i].Chunk = s.earlier.slot(s.feed, e.Spans[i].Chunk)
	}
	s.m.Entries = append(s.m.Entries, e)
	s.o.Read(e.Size)
}

// gone is nil for what is no longer there.
func gone(err error) error {
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return nil
	}
	return err
}

// named tells which file an error is about; one that has a kind tells itself.
func named(err error, name string) error {
	var errno unix.Errno
	if errors.As(err, &errno) && fault.KindOf(err) == fault.Internal {
		return fault.Wrap(fault.Internal, err, "%q cannot be read", strings.ToValidUTF8(name, "\uFFFD"))
	}
	return err
}
