package image

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"berth/internal/image/budget"
	"berth/internal/image/cause"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"
)

// Grace is how long an image that was just used or just came is not evicted: somebody is about to run it.
const Grace = 10 * time.Minute

// Use notes that an image is used now: the disk budget takes what was not used for longest.
// It may be named by one of its manifests.
func (s Space) Use(id digest.Digest) {
	if cat := s.catalog.Load(); cat != nil {
		if owner, _, ok := cat.layered(id); ok {
			id = owner
		}
	}
	s.uses.note(id)
}

// uses are when images were last used: time stamps of empty files in a directory, each a system call that nobody
// waits for. One that a loss of power takes makes an image look older than it is, and no more.
type uses struct{ dir string }

func (u uses) path(id digest.Digest) string {
	return filepath.Join(u.dir, strings.ReplaceAll(id.String(), ":", "-"))
}

func (u uses) note(id digest.Digest) {
	now := time.Now()
	if err := os.Chtimes(u.path(id), now, now); errors.Is(err, fs.ErrNotExist) {
		_ = os.MkdirAll(u.dir, 0o700) // what cannot be noted looks old
		if f, err := os.OpenFile(u.path(id), os.O_CREATE|os.O_WRONLY, 0o600); err == nil {
			f.Close()
		}
	}
}

// last is when an image was last used, or when it got its name where nobody noted a use.
func (u uses) last(img *Image) time.Time {
	if info, err := os.Stat(u.path(img.ID)); err == nil {
		return info.ModTime()
	}
	return img.Tagged
}

func (u uses) forget(id digest.Digest) { os.Remove(u.path(id)) }

// Eviction is what a budget made go.
type Eviction struct {
	PruneReport
	Short int64 // bytes that are too many still
}

// Evict removes unused images until the budget is kept, those first that were not used for longest. An image that a
// container uses, that is protected, or that was used within the Grace stays.
func (s Space) Evict(ctx context.Context, b budget.Budget, inUse func(id digest.Digest) []Use) (Eviction, error) {
	var done Eviction
	cat, err := s.current(ctx)
	if err != nil {
		return done, err
	}
	excess, err := s.excess(cat, b)
	if err != nil || excess == 0 {
		return done, err
	}
	if ids, freed := budget.Plan(s.evictable(cat, inUse), excess); len(ids) == 0 {
		done.Short = excess - freed
		return done, nil
	}
	s.pruning.Lock()
	defer s.pruning.Unlock()
	// Decided again where nobody changes the images or finds one to run: a create notes its use first.
	done.PruneReport, err = s.sweep(ctx, func(cat *catalog) []digest.Digest {
		ids, freed := budget.Plan(s.evictable(cat, inUse), excess)
		done.Short = max(excess-freed, 0)
		return ids
	})
	return done, err
}

// excess is how many bytes are too many.
func (s Space) excess(cat *catalog, b budget.Budget) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(s.root, &st); err != nil {
		return 0, cause.Classify(os.NewSyscallError("statfs", err))
	}
	// What only root may fill counts as used, as in df(1).
	used := int64(st.Blocks-st.Bfree) * st.Bsize
	return b.Excess(cat.exclusive(cat.ids), used, used+int64(st.Bavail)*st.Bsize), nil
}

// evictable are the images as the budget sees them.
func (s Space) evictable(cat *catalog, inUse func(id digest.Digest) []Use) []budget.Image {
	recent := time.Now().Add(-Grace)
	var list []budget.Image
	for _, id := range cat.ids {
		img := cat.byID[id]
		b := budget.Image{ID: id, Used: s.uses.last(&img), Parts: img.Parts}
		b.Held = img.Protected || b.Used.After(recent) || inUse != nil && len(inUse(id)) > 0
		list = append(list, b)
	}
	return list
}
