package store

import (
	"context"
	"errors"
	"hash"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"berth/internal/registry"
	"berth/internal/registry/grammar"
	"berth/internal/registry/refusal"

	"github.com/opencontainers/go-digest"
)

// chunk is how much of a body is read at once.
const chunk = 256 << 10

// active are the uploads that somebody works at, and the running digests of
// those that somebody has worked at in this process.
type active struct {
	mu sync.Mutex
	of map[string]*progress
}

// progress is what is known of an upload beside its file. Whoever has taken the
// token from busy owns the rest.
type progress struct {
	busy      chan struct{}
	algorithm digest.Algorithm
	hash      hash.Hash
	hashed    int64 // how many bytes from the beginning are in hash
}

func (a *active) get(id string) *progress {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.of == nil {
		a.of = map[string]*progress{}
	}
	p := a.of[id]
	if p == nil {
		p = &progress{busy: make(chan struct{}, 1)}
		p.busy <- struct{}{}
		a.of[id] = p
	}
	return p
}

func (a *active) forget(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.of, id)
}

// Upload is an upload that one request works at. Others that want the same wait.
type Upload struct {
	store    *Store
	repo, id string
	file     *os.File
	size     int64
	progress *progress
}

// Begin starts an upload. It survives the end of this process, though not a
// failure of power: a client that hears of none begins again.
func (s *Store) Begin(ctx context.Context, repo string) (registry.Upload, error) {
	id := random()
	dir := "uploads/" + id
	if err := s.root.Mkdir(dir, 0o700); err != nil {
		return nil, full(err)
	}
	err := s.root.WriteFile(dir+"/repo", []byte(repo), 0o600)
	if err == nil {
		err = s.root.WriteFile(dir+"/data", nil, 0o600)
	}
	if err != nil {
		return nil, errors.Join(full(err), s.root.RemoveAll(dir))
	}
	return s.Resume(ctx, repo, id)
}

// Resume goes on with an upload of a repository, once nobody else works at it.
func (s *Store) Resume(ctx context.Context, repo, id string) (registry.Upload, error) {
	u, err := s.resume(ctx, repo, id)
	if err != nil {
		return nil, err // and no nil of ours in the interface
	}
	return u, nil
}

func (s *Store) resume(ctx context.Context, repo, id string) (*Upload, error) {
	unknown := refusal.New(refusal.UploadUnknown, "%s has no upload %s: it was finished, cancelled, or left alone for too long", repo, id)
	if owner, err := s.root.ReadFile("uploads/" + id + "/repo"); err != nil || string(owner) != repo {
		if gone(err) != nil {
			return nil, err
		}
		return nil, unknown
	}
	p := s.active.get(id)
	select {
	case <-p.busy:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	u := &Upload{store: s, repo: repo, id: id, progress: p}
	f, err := s.root.OpenFile("uploads/"+id+"/data", os.O_RDWR, 0o600)
	if err != nil {
		u.Close()
		if errors.Is(err, fs.ErrNotExist) {
			s.active.forget(id)
			return nil, unknown
		}
		return nil, err
	}
	u.file = f
	if u.size, err = f.Seek(0, io.SeekEnd); err != nil {
		u.Close()
		return nil, err
	}
	return u, nil
}

// ID is the upload's name.
func (u *Upload) ID() string { return u.id }

// Size is how many bytes have come.
func (u *Upload) Size() int64 { return u.size }

// Close lets others work at it.
func (u *Upload) Close() {
	if u.file != nil {
		_ = u.file.Close() // nothing is answered for what is not synced yet
		u.file = nil
	}
	select {
	case u.progress.busy <- struct{}{}:
	default: // closed before
	}
}

// Append adds a body to the end; what has come of it stays when it breaks off.
// algorithm is what the whole will be named by, as far as the client has said.
func (u *Upload) Append(body io.Reader, algorithm digest.Algorithm) error {
	p := u.progress
	if u.size == 0 {
		p.algorithm, p.hash, p.hashed = algorithm, algorithm.Hash(), 0
	}
	if p.hash == nil || p.hashed != u.size {
		p.hash = nil // begun by another process: read again at the end
	}
	limit := u.store.usage.most(u.repo)
	buf := make([]byte, chunk)
	for {
		n, readErr := body.Read(buf)
		if n > 0 {
			if limit >= 0 && u.size+int64(n) > limit {
				return overQuota(u.repo)
			}
			if err := u.write(buf[:n]); err != nil {
				return full(err)
			}
		}
		if errors.Is(readErr, io.EOF) {
			return nil
		}
		if readErr != nil {
			return refusal.New(refusal.UploadInvalid, "The body broke off after %d bytes of the upload: %v", u.size, readErr)
		}
	}
}

func (u *Upload) write(b []byte) error {
	n, err := u.file.Write(b)
	u.size += int64(n)
	if u.progress.hash != nil {
		u.progress.hash.Write(b[:n])
		u.progress.hashed = u.size
	}
	return err
}

// Commit makes a blob of what has come, in this repository. Content that is not
// what its digest says is thrown away: nothing that is added to it mends it.
func (u *Upload) Commit(d digest.Digest) error {
	found, err := u.digest(d.Algorithm())
	if err != nil {
		return err
	}
	if found != d {
		return errors.Join(refusal.New(refusal.DigestInvalid, "The upload's %d bytes have the digest %s, and not %s", u.size, found, d), u.Cancel())
	}
	if err := u.file.Sync(); err != nil {
		return full(err)
	}
	if err := u.store.adopt(u.repo, d, u.size, "uploads/"+u.id+"/data"); err != nil {
		return err
	}
	return u.Cancel() // what is left: its directory
}

// Cancel removes the upload.
func (u *Upload) Cancel() error {
	err := u.store.root.RemoveAll("uploads/" + u.id)
	u.store.active.forget(u.id)
	return err
}

func (u *Upload) digest(a digest.Algorithm) (digest.Digest, error) {
	p := u.progress
	if p.hash != nil && p.algorithm == a && p.hashed == u.size {
		return digest.NewDigest(a, p.hash), nil
	}
	return a.FromReader(io.NewSectionReader(u.file, 0, u.size))
}

// Expire removes uploads that nobody has added to since a time, and returns how many.
func (s *Store) Expire(before time.Time) (removed int, err error) {
	ids, err := s.names("uploads")
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		if _, err := grammar.UploadID(id); err != nil {
			continue
		}
		old, err := s.expire(id, before)
		if err != nil {
			return removed, err
		}
		if old {
			removed++
		}
	}
	return removed, nil
}

func (s *Store) expire(id string, before time.Time) (bool, error) {
	p := s.active.get(id)
	select {
	case <-p.busy:
		defer func() { p.busy <- struct{}{} }()
	default:
		return false, nil // somebody works at it
	}
	newest := time.Time{}
	for _, name := range []string{"", "/repo", "/data"} {
		if info, err := s.root.Stat("uploads/" + id + name); err == nil && info.ModTime().After(newest) {
			newest = info.ModTime()
		}
	}
	if newest.After(before) {
		return false, nil
	}
	err := s.root.RemoveAll("uploads/" + id)
	s.active.forget(id)
	return err == nil, err
}

// Reader opens what has come, and what comes while it is read. It stays readable
// when the upload has become a blob.
func (u *Upload) Reader() (*os.File, error) {
	return u.store.root.Open("uploads/" + u.id + "/data")
}
