// Package unpack makes the directories of images' layers, several at once. A layer is extracted before the ones
// below it are complete, into a directory of its own: only when it is committed is it put on top of them.
package unpack

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"
)

// Layer is a layer that is to be unpacked.
type Layer struct {
	Digest digest.Digest // of the packed layer
	DiffID digest.Digest // of the tar in it
	Name   string        // of the snapshot that it becomes
	// Open opens the packed layer, and may wait until there is something to read. A layer may be opened twice: what has a method
	// Live that returns true has not been verified, and whatever is wrong with it is looked for once more.
	Open func(ctx context.Context) (io.ReadCloser, error)
	// Done is called when the snapshot is there, if it is not nil.
	Done func()
}

// Error is a layer's.
type Error struct {
	Layer digest.Digest // "" of one that nobody has named yet
	Err   error
}

func (e *Error) Error() string {
	if e.Layer == "" {
		return fmt.Sprintf("failed to extract layer: %v", e.Err)
	}
	return fmt.Sprintf("failed to extract layer %s: %v", e.Layer, e.Err)
}

// Unwrap returns what went wrong.
func (e *Error) Unwrap() error { return e.Err }

// Chain unpacks layers, the lowest first, each of which lies on the one before; those that are there stay as they are.
// No more than slots are extracted at once, and a lower one always begins before a higher one: so one that waits for those
// below it waits for what goes on. made tells whether anything was unpacked: it is not on stable storage yet.
func Chain(ctx context.Context, sn snapshots.Snapshotter, layers []Layer, slots int) (made bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	fail := func(err error) (bool, error) {
		cancel()
		return made, errors.Join(err, g.Wait())
	}
	free := make(chan struct{}, max(slots, 1))
	below, parent := closed(), ""
	var lower []string // the layers' directories, the nearest first
	for _, l := range layers {
		info, err := sn.Stat(ctx, l.Name)
		if err == nil {
			lower, parent = append([]string{info.Labels[upperdir]}, lower...), l.Name
			l.done()
			continue
		}
		if !errdefs.IsNotFound(err) {
			return fail(err)
		}
		made = true
		select {
		case free <- struct{}{}:
		case <-ctx.Done():
			return made, g.Wait()
		}
		j, err := prepare(ctx, sn, l)
		if err != nil {
			return fail(err)
		}
		j.parent, j.lower, j.below, j.ready = parent, lower, below, make(chan struct{})
		g.Go(func() error {
			defer func() { <-free }()
			return j.run(ctx)
		})
		lower, parent, below = append([]string{j.upper}, lower...), l.Name, j.ready
	}
	return made, g.Wait()
}

func (l *Layer) done() {
	if l.Done != nil {
		l.Done()
	}
}

func closed() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

// upperdir is the label by which the overlay snapshotter tells a layer's directory.
const upperdir = "containerd.io/snapshot/overlay.upperdir"

// job is a layer that is being unpacked.
type job struct {
	Layer
	sn     snapshots.Snapshotter
	key    string // of the snapshot that is being filled
	upper  string // its directory
	parent string
	lower  []string
	below  <-chan struct{} // closed when all layers below are committed
	ready  chan struct{}   // closed when this one is
}

func prepare(ctx context.Context, sn snapshots.Snapshotter, l Layer) (*job, error) {
	j := &job{Layer: l, sn: sn, key: "unpack-" + rand.Text() + "-" + l.Name}
	mounts, err := sn.Prepare(ctx, j.key, "")
	if err != nil {
		return nil, err
	}
	j.upper, err = directory(mounts)
	return j, err
}

// directory is where a layer without a parent is written.
func directory(mounts []mount.Mount) (string, error) {
	if len(mounts) != 1 || mounts[0].Type != "bind" {
		return "", fmt.Errorf("a snapshot with unexpected mounts: %v", mounts)
	}
	return mounts[0].Source, nil
}

func (j *job) run(ctx context.Context) error {
	err := j.fill(ctx)
	if err == nil {
		select {
		case <-j.below:
			if err = j.commit(ctx); err == nil {
				close(j.ready)
				j.done()
				return nil
			}
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	j.drop(ctx)
	return &Error{Layer: j.Digest, Err: err}
}

// drop gives the space back at once: on a full disk the database could not even write that it is unwanted.
func (j *job) drop(ctx context.Context) {
	empty(j.upper)
	_ = j.sn.Remove(context.WithoutCancel(ctx), j.key) // else the collection takes it
}

// fill extracts the layer. One that leaves out directories in which it has files needs those of the layers below, whose
// owners and modes they keep: it is begun again when those are there.
func (j *job) fill(ctx context.Context) error {
	complete := false
	select {
	case <-j.below:
		complete = true
	default:
	}
	live, err := j.extract(ctx, complete)
	if !errors.Is(err, errNeedsLower) && (err == nil || !live || ctx.Err() != nil) {
		return err
	}
	empty(j.upper)
	select {
	case <-j.below:
	case <-ctx.Done():
		return ctx.Err()
	}
	_, err = j.extract(ctx, true)
	return err
}

func (j *job) commit(ctx context.Context) error {
	var opts []snapshots.Opt
	if j.parent != "" {
		opts = append(opts, snapshots.WithParent(j.parent))
	}
	err := j.sn.Commit(ctx, j.Name, j.key, opts...)
	if errdefs.IsAlreadyExists(err) { // another one was faster
		return j.sn.Remove(ctx, j.key)
	}
	return err
}

func empty(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		os.RemoveAll(filepath.Join(dir, e.Name()))
	}
}

// Inside cleans a path of an archive and refuses one that leads out of it.
func Inside(name string) (string, error) {
	clean := filepath.Clean(strings.TrimLeft(name, "/"))
	if clean == ".." || strings.HasPrefix(clean, "../") {
		return "", fmt.Errorf("the path %s leaves the archive", quoted(name))
	}
	return clean, nil
}
