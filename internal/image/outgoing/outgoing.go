// Package outgoing remembers where uploads go that have not come to their end: the next push of the same
// blob asks the registry how much of it arrived, and sends the rest.
//
//	<dir>/<sha256 of repository and blob>    where, as a URL
//
// A note is a file that is renamed into its place, and it is not synced: it outlives the daemon, however
// that ends, and after a power cut the blob is sent from its beginning. Registries forget uploads too.
package outgoing

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"
)

const (
	kept  = 24 * time.Hour // after which a registry has most likely given up too
	limit = 16 << 10       // of a URL; what is longer is not kept
	half  = ".new"         // ends the name of a file that has no name yet
)

// Notes are those of one engine.
type Notes struct {
	dir string

	mu   sync.Mutex
	busy map[string]bool // uploads that are under way: a second one of the same blob has no note
}

// Open returns the notes in a directory, which is made when there is something to note.
func Open(dir string) *Notes { return &Notes{dir: dir, busy: map[string]bool{}} }

// Note is where one upload goes. Its methods may be called on nil, which remembers nothing.
type Note struct {
	notes *Notes
	path  string
	name  string
	noted string
}

// Begin takes the note of a blob on its way to a repository; it is nil when that blob goes there already. End has to be called.
func (n *Notes) Begin(repository string, blob digest.Digest) *Note {
	sum := sha256.Sum256([]byte(repository + "\n" + blob.String()))
	name := hex.EncodeToString(sum[:])
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.busy[name] {
		return nil
	}
	n.busy[name] = true
	return &Note{notes: n, name: name, path: filepath.Join(n.dir, name)}
}

// Where is where an earlier upload went that did not come to its end, "" when none is known.
func (n *Note) Where() string {
	if n == nil {
		return ""
	}
	f, err := os.Open(n.path)
	if err != nil {
		return ""
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || time.Since(info.ModTime()) > kept {
		return ""
	}
	text, err := io.ReadAll(io.LimitReader(f, limit))
	if err != nil {
		return ""
	}
	n.noted = string(text)
	return n.noted
}

// Put notes where the upload goes, "" that it goes nowhere any more. A note that cannot be written only costs time later.
func (n *Note) Put(at string) {
	if n == nil || at == n.noted && at != "" || len(at) >= limit {
		return
	}
	n.noted = at
	if at == "" {
		_ = os.Remove(n.path)
		return
	}
	err := os.WriteFile(n.path+half, []byte(at), 0o600) // it may hold a registry's secret
	if errors.Is(err, os.ErrNotExist) && os.MkdirAll(n.notes.dir, 0o700) == nil {
		err = os.WriteFile(n.path+half, []byte(at), 0o600)
	}
	if err == nil {
		err = os.Rename(n.path+half, n.path)
	}
	if err != nil {
		_, _ = os.Remove(n.path+half), os.Remove(n.path) // rather none than an old one
	}
}

// End lets others take the note.
func (n *Note) End() {
	if n == nil {
		return
	}
	n.notes.mu.Lock()
	defer n.notes.mu.Unlock()
	delete(n.notes.busy, n.name)
}

// Expire removes notes that are too old to be of use.
func (n *Notes) Expire() error {
	list, err := os.ReadDir(n.dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, entry := range list {
		info, infoErr := entry.Info()
		if infoErr == nil && time.Since(info.ModTime()) > kept {
			err = errors.Join(err, os.Remove(filepath.Join(n.dir, entry.Name())))
		}
	}
	return err
}
