//go:build linux

package volume

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"sync"
)

// names are the names of volumes that somebody is changing who waits for a plugin.
type names struct {
	mu    sync.Mutex
	taken map[string]*turn
}

// turn is who waits for a name.
type turn struct {
	mu    sync.Mutex
	count int
}

// lock waits for a name, and returns what gives it back.
func (n *names) lock(name string) (unlock func()) {
	n.mu.Lock()
	if n.taken == nil {
		n.taken = map[string]*turn{}
	}
	t := n.taken[name]
	if t == nil {
		t = &turn{}
		n.taken[name] = t
	}
	t.count++
	n.mu.Unlock()
	t.mu.Lock()
	return func() {
		t.mu.Unlock()
		n.mu.Lock()
		defer n.mu.Unlock()
		if t.count--; t.count == 0 {
			delete(n.taken, name)
		}
	}
}

// spelledMark begins the directory of a volume whose name is none of a directory's.
const spelledMark = "="

// home is the directory of what is known of a volume. Plugins call theirs what they
// like: a name that is no directory's is in the record.
func home(root, name string) string {
	if check(name) == nil {
		return filepath.Join(root, name)
	}
	sum := sha256.Sum256([]byte(name))
	return filepath.Join(root, spelledMark+hex.EncodeToString(sum[:]))
}
