//go:build linux

package snapshot

import (
	"context"
	"os"

	"berth/internal/snapshot/tree"
)

// intake takes a tree in for a snapshot: in passes, each of which takes in what has changed
// since the one before.
type intake interface {
	// ahead takes in what there is while others write; more says that doing so once more would leave less to do for last.
	ahead(ctx context.Context) (more bool, err error)
	last(ctx context.Context) error // while the tree stands still
	// keep makes what the snapshot is of it, in the snapshot's directory.
	keep(ctx context.Context, a *aside) (bytes, entries int64, err error)
	close()
}

// intakeFor chooses how a tree is kept: as files that share their blocks with those of the tree, or in pieces.
func intakeFor(home string, from *os.File, a *aside) (intake, error) {
	if tree.Clones(from, a.dir) {
		return newClones(from, a), nil
	}
	return newPieces(home, from)
}

// clones is the intake of files as files.
type clones struct {
	from *os.File
	r    *tree.Reader
	pool *tree.Pool
}

func newClones(from *os.File, a *aside) *clones {
	pool := tree.NewPool(a.pool)
	return &clones{from, tree.NewReader(from, pool), pool}
}

// few is what may be left to take in while others stand still.
const fewFiles, fewBytes = 64, 16 << 20

func (c *clones) ahead(ctx context.Context) (more bool, err error) {
	if !tree.Timed(c.from) {
		return false, nil
	}
	w, err := c.r.Ahead(ctx)
	return w.Files > fewFiles || w.Bytes > fewBytes, err
}

func (c *clones) last(ctx context.Context) error {
	_, err := c.r.Last(ctx)
	return err
}

func (c *clones) keep(ctx context.Context, a *aside) (bytes, entries int64, err error) {
	u := c.r.Root().Usage()
	return u.Bytes, u.Entries, c.build(ctx, a.dir, treeDir)
}

// build makes the tree that has been taken in.
func (c *clones) build(ctx context.Context, into *os.File, name string) error {
	return tree.Build(ctx, c.r.Root(), into, name, c.pool)
}

func (c *clones) close() {}
