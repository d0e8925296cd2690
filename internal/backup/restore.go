//go:build linux

package backup

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"berth/internal/chunk"
	"berth/internal/chunk/tree"
	"berth/internal/fault"

	"golang.org/x/sys/unix"
)

// Making makes a volume of what fill puts into a directory, which holds nothing yet: all of it, or none.
type Making func(v Volume, fill func(dir *os.File) error) error

// Restore makes a volume of a backup: the one whose tag or volume follows the place, else the latest one of the volume of this
// name, else of the only one there. The volume has that name, or with "" the one that it had.
// Everything is verified before it is a volume.
func (s *Service) Restore(ctx context.Context, from Spot, name string, into Making, tell Tell) (Backup, error) {
	p, at, err := s.open(from, toRead)
	if err != nil {
		return Backup{}, err
	}
	defer p.Close()
	tag, err := find(ctx, p, at.Tag, name)
	if err != nil {
		return Backup{}, fault.Wrap(fault.KindOf(err), err, "nothing can be restored from %s", at)
	}
	c, err := s.read(ctx, p, tag)
	if err != nil {
		return Backup{}, fault.Wrap(fault.KindOf(err), err, "the backup %s cannot be restored", tag)
	}
	src, err := c.source(p, s.codec)
	if err != nil {
		return Backup{}, fault.Wrap(fault.KindOf(err), err, "the backup %s cannot be restored", tag)
	}
	defer src.close()
	v := c.Volume
	if name != "" {
		v.Name = name
	}
	tell(Progress{ID: v.Name, Status: "Restoring " + tag})
	err = into(v, func(dir *os.File) error {
		counted := &counted{Source: src, tell: func(done int64) {
			tell(Progress{ID: v.Name, Status: "Restoring", Current: done, Total: c.Size})
		}}
		err := tree.Restore(ctx, c.tree, counted, dir)
		return fault.Wrap(kindOf(err), err, "the backup %s cannot be restored", tag)
	})
	c.Config.Volume = v
	return Backup{Tag: tag, Config: c.Config, Packed: c.size()}, err
}

// counted is a source that tells how much it has given.
type counted struct {
	tree.Source
	tell func(done int64)

	mu   sync.Mutex
	done int64
	last time.Time
}

// Get reads a chunk.
func (c *counted) Get(ctx context.Context, ref chunk.Ref, buf []byte) ([]byte, error) {
	data, err := c.Source.Get(ctx, ref, buf)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done += int64(len(data)); time.Since(c.last) > tellEvery {
		c.last = time.Now()
		c.tell(c.done)
	}
	return data, err
}

// kindOf is that of an error: a full disk is not the engine's doing.
func kindOf(err error) fault.Kind {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return fault.Unavailable
	}
	return fault.KindOf(err)
}
