//go:build linux

package place

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"berth/internal/fault"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"
)

// Layout is an OCI image layout (image-spec, image-layout.md). Others may keep what is theirs in it.
//
// Two files keep writers apart, of this daemon and of others: who makes or reads a backup holds .berth-lock shared,
// who removes blobs holds it alone; .berth-index-lock is held for as long as index.json is changed.
type Layout struct {
	dir  string
	lock *os.File

	mu      sync.Mutex
	pending []written // blobs without a name yet, the oldest first
}

// written is a file that is being written back, and the name that it gets when it is on the disk.
type written struct{ aside, name string }

// ahead is how many blobs are written back while the next one comes.
const ahead = 4

const (
	lockFile  = ".berth-lock"
	indexLock = ".berth-index-lock"
	blobs     = "blobs/sha256"
	tagKey    = ocispec.AnnotationRefName
)

// OpenLayout opens the layout in a directory. With make it is made if it is missing, in a directory that is empty
// or missing too; alone keeps all others off it.
func OpenLayout(dir string, make, alone bool) (*Layout, error) {
	l := &Layout{dir: dir}
	if make {
		if err := l.make(); err != nil {
			return nil, fault.Wrap(kindOf(err), err, "backups cannot be kept in %s", dir)
		}
	}
	text, err := os.ReadFile(l.path(ocispec.ImageLayoutFile))
	var version ocispec.ImageLayout
	if err == nil {
		err = json.Unmarshal(text, &version)
	}
	if errors.Is(err, os.ErrNotExist) {
		return nil, fault.New(fault.NotFound, "there are no backups in %s: it is no OCI layout", dir)
	}
	if err == nil && version.Version != ocispec.ImageLayoutVersion {
		err = fault.New(fault.Unsupported, "its version is %s", fault.Quoted(version.Version))
	}
	if err == nil {
		l.lock, err = locked(l.path(lockFile), alone)
	}
	if err == nil && alone {
		err = l.tidy()
	}
	return l, fault.Wrap(kindOf(err), err, "the layout in %s cannot be used", dir)
}

// kindOf is that of an error: of what the user says of his host's directories the daemon is not to blame.
func kindOf(err error) fault.Kind {
	if kind := fault.KindOf(err); kind != fault.Internal {
		return kind
	}
	for _, full := range []error{unix.ENOSPC, unix.EDQUOT} {
		if errors.Is(err, full) {
			return fault.Unavailable
		}
	}
	for _, theirs := range []error{unix.EROFS, unix.EACCES, unix.EPERM, unix.ENOTDIR} {
		if errors.Is(err, theirs) {
			return fault.Invalid
		}
	}
	return fault.Internal
}

func (l *Layout) path(name string) string { return filepath.Join(l.dir, name) }

func (l *Layout) make() error {
	if _, err := os.Lstat(l.path(ocispec.ImageLayoutFile)); err == nil {
		return nil
	}
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		return err
	}
	there, err := os.ReadDir(l.dir)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(there, func(e os.DirEntry) bool {
		return e.Name() != "blobs" && e.Name() != "lost+found" && !ours(e.Name())
	}) {
		return fault.New(fault.Invalid, "it is neither empty nor an OCI layout")
	}
	if err := os.MkdirAll(l.path(blobs), 0o755); err != nil {
		return err
	}
	if _, err := os.Lstat(l.path(ocispec.ImageIndexFile)); errors.Is(err, os.ErrNotExist) {
		if err := l.writeIndex(ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex}); err != nil {
			return err
		}
	}
	text, err := json.Marshal(ocispec.ImageLayout{Version: ocispec.ImageLayoutVersion})
	if err != nil {
		return err
	}
	return writeFile(l.dir, ocispec.ImageLayoutFile, text) // the last one: with it the layout is there
}

// locked opens a file and waits for its lock.
func locked(path string, alone bool) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if errors.Is(err, unix.EROFS) { // nobody removes anything here
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	how := unix.LOCK_SH
	if alone {
		how = unix.LOCK_EX
	}
	for {
		if err := unix.Flock(int(f.Fd()), how); err != unix.EINTR {
			return f, err
		}
	}
}

// tidy removes what writers that were killed have left. Nobody writes now.
func (l *Layout) tidy() error {
	var errs []error
	for _, dir := range []string{l.dir, l.path(blobs)} {
		left, err := filepath.Glob(filepath.Join(dir, temporary+"*"))
		errs = append(errs, err)
		for _, path := range left {
			errs = append(errs, os.Remove(path))
		}
	}
	return errors.Join(errs...)
}

// Close lets others remove what is there. What has come of a backup that failed is there for the next one.
func (l *Layout) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.settle(0)
	for _, w := range l.pending { // after an error
		err = errors.Join(err, remove(w.aside))
	}
	if l.lock == nil {
		return err
	}
	return errors.Join(err, l.lock.Close())
}

func (l *Layout) index() (ocispec.Index, error) {
	var index ocispec.Index
	f, err := os.Open(l.path(ocispec.ImageIndexFile))
	if err != nil {
		return index, fault.Wrap(fault.Internal, err, "the index of the layout cannot be read")
	}
	defer f.Close()
	if err := json.NewDecoder(io.LimitReader(f, 64<<20)).Decode(&index); err != nil {
		return index, fault.Wrap(fault.Invalid, err, "the index of the layout is malformed")
	}
	return index, nil
}

func (l *Layout) writeIndex(index ocispec.Index) error {
	text, err := json.Marshal(index)
	if err != nil {
		return err
	}
	return writeFile(l.dir, ocispec.ImageIndexFile, text)
}

// Tags lists the tags.
func (l *Layout) Tags(context.Context) (tags []string, err error) {
	index, err := l.index()
	for _, d := range index.Manifests {
		if tag := d.Annotations[tagKey]; tag != "" {
			tags = append(tags, tag)
		}
	}
	return tags, err
}

// Resolve asks what a tag stands for.
func (l *Layout) Resolve(_ context.Context, tag string) (ocispec.Descriptor, error) {
	index, err := l.index()
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	for _, d := range slices.Backward(index.Manifests) {
		if d.Annotations[tagKey] == tag {
			return d, nil
		}
	}
	return ocispec.Descriptor{}, fault.New(fault.NotFound, "there is no backup %s in %s", fault.Quoted(tag), l.dir)
}

func (l *Layout) blob(d ocispec.Descriptor) (string, error) {
	if err := d.Digest.Validate(); err != nil || d.Digest.Algorithm() != digest.SHA256 {
		return "", fault.New(fault.Invalid, "the backup refers to a blob of the digest %s", fault.Quoted(d.Digest.String()))
	}
	return l.path(filepath.Join(blobs, d.Digest.Encoded())), nil
}

// Open opens a blob.
func (l *Layout) Open(_ context.Context, d ocispec.Descriptor) (*os.File, error) {
	path, err := l.blob(d)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fault.New(fault.Invalid, "the backup is incomplete: %s is missing", d.Digest)
	}
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "%s of the backup cannot be read", d.Digest)
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() != d.Size {
		f.Close()
		return nil, fault.New(fault.Invalid, "the backup is corrupt: %s has another size", d.Digest)
	}
	return f, nil
}

// Has reports whether a blob is there.
func (l *Layout) Has(_ context.Context, d ocispec.Descriptor) (bool, error) {
	path, err := l.blob(d)
	if err != nil {
		return false, err
	}
	info, err := os.Lstat(path)
	return err == nil && info.Mode().IsRegular() && info.Size() == d.Size, nil
}

// Put stores a blob.
func (l *Layout) Put(ctx context.Context, d ocispec.Descriptor, data []byte) (sent bool, err error) {
	if there, err := l.Has(ctx, d); there || err != nil {
		return false, err
	}
	return true, l.failed(l.put(d, data))
}

func (l *Layout) failed(err error) error {
	return fault.Wrap(kindOf(err), err, "the backup cannot be written to %s", l.dir)
}

// put writes a blob and begins to write it back: the disk is waited for when some more have come.
func (l *Layout) put(d ocispec.Descriptor, data []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	aside := filepath.Join(l.path(blobs), temporary+rand.Text())
	err := os.WriteFile(aside, data, 0o644)
	if err == nil {
		err = startWriting(aside)
	}
	if err != nil {
		return errors.Join(err, remove(aside))
	}
	l.pending = append(l.pending, written{aside, filepath.Join(l.path(blobs), d.Digest.Encoded())})
	if len(l.pending) > ahead {
		return l.settle(ahead)
	}
	return nil
}

func startWriting(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.SyncFileRange(int(f.Fd()), 0, 0, unix.SYNC_FILE_RANGE_WRITE)
}

func remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// settle gives all but the last blobs their names, when they are on the disk. Others that are there under such a name are the same.
func (l *Layout) settle(but int) error {
	for len(l.pending) > but {
		w := l.pending[0]
		l.pending = l.pending[1:]
		f, err := os.Open(w.aside)
		if err == nil {
			err = errors.Join(f.Sync(), f.Close())
		}
		if err == nil {
			err = os.Rename(w.aside, w.name)
		}
		if err != nil {
			return errors.Join(err, remove(w.aside))
		}
	}
	return nil
}

// flush has all blobs on the disk, by their names.
func (l *Layout) flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.settle(0); err != nil {
		return err
	}
	d, err := os.Open(l.path(blobs))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Tag stores a manifest and names it in the index.
func (l *Layout) Tag(ctx context.Context, tag string, d ocispec.Descriptor, manifest []byte) error {
	if _, err := l.Put(ctx, d, manifest); err != nil {
		return err
	}
	if err := l.flush(); err != nil {
		return l.failed(err)
	}
	d.Annotations = map[string]string{tagKey: tag}
	err := l.change(func(index *ocispec.Index) {
		index.Manifests = append(slices.DeleteFunc(index.Manifests, func(o ocispec.Descriptor) bool { return o.Annotations[tagKey] == tag }), d)
	})
	return l.failed(err)
}

// change changes the index.
func (l *Layout) change(change func(*ocispec.Index)) error {
	lock, err := locked(l.path(indexLock), true)
	if err != nil {
		return err
	}
	if lock != nil {
		defer lock.Close()
	}
	index, err := l.index()
	if err != nil {
		return err
	}
	change(&index)
	return l.writeIndex(index)
}

const temporary = ".berth-new-"

// ours tells a file that writers leave beside a layout.
func ours(name string) bool { return strings.HasPrefix(name, ".berth-") }

// writeFile writes a file, which is there as a whole or not at all, and its name is durable when this returns.
func writeFile(dir, name string, data []byte) (err error) {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	aside := filepath.Join(dir, temporary+rand.Text())
	f, err := os.OpenFile(aside, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(aside)
		}
	}()
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err = os.Rename(aside, filepath.Join(dir, name)); err != nil {
		return err
	}
	return d.Sync()
}
