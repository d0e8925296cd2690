package store

import (
	"errors"
	"io/fs"
	"slices"
	"sync"

	"berth/internal/registry/refusal"

	"github.com/opencontainers/go-digest"
)

// usage is how much each repository holds, counted when it is first asked for
// and kept from then on. Only repositories with a quota are counted.
type usage struct {
	disk  disk
	quota func(repo string) int64 // nil, or 0 for no limit

	mu sync.Mutex
	of map[string]int64
}

func (u *usage) limit(repo string) int64 {
	if u.quota == nil {
		return 0
	}
	return u.quota(repo)
}

// used is how many bytes a repository holds: what several share counts for each
// of them. The caller holds the lock.
func (u *usage) used(repo string) (int64, error) {
	if n, ok := u.of[repo]; ok {
		return n, nil
	}
	var total int64
	for _, what := range []string{"_blobs", "_manifests"} {
		list, err := u.disk.linked(repo, what)
		if err != nil {
			return 0, err
		}
		for _, d := range list {
			info, err := u.disk.root.Stat(blobPath(d))
			if err == nil {
				total += info.Size()
			}
		}
	}
	if u.of == nil {
		u.of = map[string]int64{}
	}
	u.of[repo] = total
	return total, nil
}

// most is how large a blob of a repository can be at all, -1 for any size. What
// it adds to what is there is decided at its end: the repository may have it.
func (u *usage) most(repo string) int64 {
	if limit := u.limit(repo); limit > 0 {
		return limit
	}
	return -1
}

// charge counts what a link that is to be made adds, or refuses it.
func (u *usage) charge(repo, link string, size int64) error {
	limit := u.limit(repo)
	if limit <= 0 {
		return nil
	}
	if _, err := u.disk.root.Stat(link); !errors.Is(err, fs.ErrNotExist) {
		return err // counted already
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	used, err := u.used(repo)
	if err != nil {
		return err
	}
	if used+size > limit {
		return overQuota(repo)
	}
	u.of[repo] = used + size
	return nil
}

// recount forgets a count after a failure that left open what was written.
func (u *usage) recount(repo string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.of, repo)
}

// refund takes a removed link off the count.
func (u *usage) refund(repo string, d digest.Digest) {
	info, err := u.disk.root.Stat(blobPath(d))
	if err != nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if n, ok := u.of[repo]; ok {
		u.of[repo] = max(n-info.Size(), 0)
	}
}

func overQuota(repo string) error {
	return refusal.New(refusal.Denied, "%s would hold more than its quota allows", repo)
}

func sorted(list []string) []string {
	slices.Sort(list)
	return list
}
