// Package store keeps a registry in one directory.
//
//	version                                    "1"
//	lock                                       held by the one process that writes here
//	blobs/<algorithm>/<2 digits>/<digest>      what was pushed: complete and verified, or not there
//	uploads/<id>/{repo,data}                   what is being pushed: whose it is, what has come
//	tmp/                                       files before they get their names
//	quarantine/<algorithm>-<digest>            what a scrub found to be damaged
//	repos/<name>/_blobs/<algorithm>/<digest>       empty: this repository has the blob; its time is the last lease
//	repos/<name>/_manifests/<algorithm>/<digest>   the manifest's media type
//	repos/<name>/_tags/<tag>                       a digest
//	repos/<name>/_untagged/<algorithm>/<digest>    empty: no tag leads to this manifest; its time is since when that is known
//	repos/<name>/_referrers/<algorithm>/<digest>/<algorithm>-<digest>   the descriptor of a manifest with this subject
//
// Parts of names begin with letters or digits, so that nothing collides with the
// directories that begin with an underscore. A copy of the directory that is
// made while it is written is a whole registry too, if repos is copied before
// blobs (docs/decisions/0020).
//
// Durability: content is synced before it gets its name, a name before what
// names it (blob, manifest, referrer, tag, in this order), and the directory of
// the last name before the answer. A process that is killed leaves files in tmp
// and uploads, and links that nobody was told of; none of them is ever seen as
// content.
//
// Locks: a repository's lock, then a digest's lock; never two of one kind.
package store

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"berth/internal/fault"
	"berth/internal/registry/refusal"

	"github.com/opencontainers/go-digest"
)

// format is the version of the layout above.
const format = "1\n"

// Options are what may be chosen of a store.
type Options struct {
	// Sparse takes manifests whose blobs or manifests are not there.
	Sparse bool
	// Quota is how many bytes a repository may hold; 0 is no limit.
	Quota func(repo string) int64
	// Grace is how long a blob is kept that no manifest names, counted from when
	// a client was last told that it is there.
	Grace time.Duration
	// ReadOnly changes nothing in the directory, which may lie where nothing can be written; others may read it too.
	ReadOnly bool
}

// Store is an open data directory.
type Store struct {
	lookup
	options Options
	lock    *os.File
	repos   stripes // of a repository's links against its sweep
	content stripes // of a blob's file against its sweep
	leases  leases
	usage   usage
	active  active
	sweep   sync.Mutex // one at a time
}

// Open takes a directory into use, and makes it first if need be. Another
// process that has it open makes this fail.
func Open(dir string, o Options) (*Store, error) {
	if !o.ReadOnly {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{lookup: lookup{disk{root, &sync.RWMutex{}}}, options: o}
	s.usage = usage{disk: s.disk, quota: o.Quota}
	begin := s.begin
	if o.ReadOnly {
		begin = func(dir string) error { return look(s, dir) }
	}
	if err := begin(dir); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// look takes a directory into use of which nothing is changed. Where there is no lock, as in a copy, nobody writes.
func look(s *Store, dir string) (err error) {
	s.lock, err = s.root.Open("lock")
	if gone(err) != nil {
		return err
	}
	if err != nil {
		s.lock = nil
	} else if err := syscall.Flock(int(s.lock.Fd()), syscall.LOCK_SH|syscall.LOCK_NB); err != nil {
		return fault.Wrap(fault.Conflict, err, "Another registry writes to %s", dir)
	}
	found, err := s.root.ReadFile("version")
	if errors.Is(err, fs.ErrNotExist) {
		return fault.Wrap(fault.NotFound, err, "%s is no registry's directory", dir)
	}
	if err != nil {
		return err
	}
	return checkFormat(dir, found)
}

func checkFormat(dir string, found []byte) error {
	if string(found) != format {
		return fault.New(fault.Unsupported, "%s was written by another version of the registry (format %s)", dir, strings.TrimSpace(string(found)))
	}
	return nil
}

func (s *Store) begin(dir string) (err error) {
	if s.lock, err = s.root.OpenFile("lock", os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return err
	}
	if err := syscall.Flock(int(s.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fault.Wrap(fault.Conflict, err, "Another registry uses %s", dir)
	}
	// What lies in tmp has no name yet, so nobody was told of it.
	if err := s.root.RemoveAll("tmp"); err != nil {
		return err
	}
	for _, name := range []string{"tmp", "blobs", "uploads", "repos", "quarantine"} {
		if err := s.mkdirs(name); err != nil {
			return err
		}
	}
	found, err := s.root.ReadFile("version")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s.place("version", []byte(format))
	case err != nil:
		return err
	}
	return checkFormat(dir, found)
}

// Close gives the directory back. Uploads go on where they are, next time.
func (s *Store) Close() error {
	err := s.root.Close()
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	return err
}

func blobPath(d digest.Digest) string {
	return "blobs/" + d.Algorithm().String() + "/" + d.Encoded()[:2] + "/" + d.Encoded()
}

func repoPath(repo, what string) string { return "repos/" + repo + "/" + what }

func linkPath(repo, what string, d digest.Digest) string {
	return repoPath(repo, what) + "/" + d.Algorithm().String() + "/" + d.Encoded()
}

// missing makes of a file that is not there a refusal, and leaves other errors
// alone. A name that is too long for the file system is not there either.
func missing(err error, code refusal.Code, format string, args ...any) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENAMETOOLONG) || errors.Is(err, syscall.ENOTDIR) {
		return refusal.New(code, format, args...)
	}
	return err
}

// full makes of a disk without space an answer that says so.
func full(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return &refusal.Error{Code: refusal.Unknown, Text: "The registry's disk is full", Status: 507}
	}
	return err
}

// Healthy reports an error if the directory cannot be read or, where something
// is to be taken, written.
func (s *Store) Healthy(writes bool) error {
	if _, err := s.root.ReadFile("version"); err != nil || !writes {
		return err
	}
	name := "tmp/" + random()
	return errors.Join(s.root.WriteFile(name, []byte(format), 0o600), gone(s.root.Remove(name)))
}
