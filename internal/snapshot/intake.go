//go:build linux

package snapshot

import (
	"context"
	"os"
	"path/filepath"

	"berth/internal/snapshot/tree"
)

// intake takes a tree in for a snapshot: in passes, each of which takes in what has changed
// since the one before.
type intake interface {
	ahead(ctx context.Context) (tree.Work, error)
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
	return newPieces(filepath.Join(home, dirName), from)
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

func (c *clones) ahead(ctx context.Context) (tree.Work, error) {
	if !tree.Timed(c.from) {
		return tree.Work{}, nil
	}
	return c.r.Ahead(ctx)
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
