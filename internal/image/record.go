package image

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"berth/internal/image/tree"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/metadata/boltutil"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	bolt "go.etcd.io/bbolt"
)

// danglingPrefix begins the record of an image that has no name; its digest
// follows. A record keeps an image from being collected.
const danglingPrefix = "berth-dangling@"

func danglingName(id digest.Digest) string { return danglingPrefix + id.String() }

func isDangling(name string) bool { return strings.HasPrefix(name, danglingPrefix) }

// record is an image that is ready to be written down.
type record struct {
	name   string // normalized, or "" for a dangling image
	target ocispec.Descriptor
	tree   *tree.Tree
	// snapshots maps a config's digest to the topmost snapshot of its layers.
	snapshots map[digest.Digest]string
	parent    digest.Digest // of a committed image
}

// The labels on an image's target: parentLabel when it was committed, protectedLabel when it is protected.
const (
	parentLabel    = "berth.parent"
	protectedLabel = "berth.protected"
)

// snapshotLabel is the label on a config by which the topmost snapshot of its layers is kept.
const snapshotLabel = "containerd.io/gc.ref.snapshot." + snapshotter

// record writes images down, all or none, in one durable transaction. From then
// on they are there.
func (s *Service) record(ctx context.Context, records []record) error {
	var fuller []digest.Digest // an index that is known may have got the image of one more platform
	for _, r := range records {
		fuller = append(fuller, r.target.Digest)
	}
	for _, id := range fuller {
		s.uses.note(id) // before anybody can evict it
	}
	return s.update(ctx, func(ctx context.Context) error {
		for _, r := range records {
			if err := s.label(ctx, r); err != nil {
				return err
			}
			if err := s.name(ctx, r.name, r.target); err != nil {
				return err
			}
		}
		return nil
	}, fuller...)
}

// update runs fn in one transaction, and then shows readers the result. What the images fuller hold is
// read again.
func (s *Service) update(ctx context.Context, fn func(ctx context.Context) error, fuller ...digest.Digest) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.db.Update(func(tx *bolt.Tx) error { return fn(boltutil.WithTransaction(ctx, tx)) })
	if err != nil {
		return err
	}
	return s.refresh(ctx, fuller...)
}

// label tells the collector what hangs on what (containerd's
// docs/garbage-collection.md).
func (s *stores) label(ctx context.Context, r record) error {
	for parent, children := range r.tree.Children {
		labels := map[string]string{}
		counts := map[string]int{}
		for _, child := range children {
			for _, key := range images.ChildGCLabels(child) {
				if strings.HasSuffix(key, ".") {
					key = fmt.Sprintf("%s%d", key, counts[key])
					counts[key[:strings.LastIndexByte(key, '.')+1]]++
				}
				labels[key] = child.Digest.String()
			}
		}
		if err := s.addLabels(ctx, parent, labels); err != nil {
			return err
		}
	}
	if r.parent != "" {
		if err := s.addLabels(ctx, r.target.Digest, map[string]string{parentLabel: r.parent.String()}); err != nil {
			return err
		}
	}
	for config, snapshot := range r.snapshots {
		if err := s.addLabels(ctx, config, map[string]string{snapshotLabel: snapshot}); err != nil {
			return err
		}
	}
	return nil
}

func (s *stores) addLabels(ctx context.Context, d digest.Digest, labels map[string]string) error {
	var fields []string
	for key := range maps.Keys(labels) {
		fields = append(fields, "labels."+key)
	}
	if len(fields) == 0 {
		return nil
	}
	_, err := s.content.Update(ctx, content.Info{Digest: d, Labels: labels}, fields...)
	if errdefs.IsNotFound(err) {
		return nil // a part that the archive left out
	}
	return err
}

// name makes name point to target. An image that loses its last name by this
// stays, dangling; one that gets a name dangles no longer.
func (s *stores) name(ctx context.Context, name string, target ocispec.Descriptor) error {
	all, err := s.images.List(ctx)
	if err != nil {
		return err
	}
	var before *images.Image
	names := map[digest.Digest]int{}
	for i, img := range all {
		names[img.Target.Digest]++
		if img.Name == name {
			before = &all[i]
		}
	}
	if name == "" {
		if names[target.Digest] > 0 {
			return nil
		}
		_, err := s.images.Create(ctx, images.Image{Name: danglingName(target.Digest), Target: target})
		return err
	}
	if before == nil {
		_, err = s.images.Create(ctx, images.Image{Name: name, Target: target})
	} else {
		if old := before.Target; old.Digest != target.Digest && names[old.Digest] == 1 {
			if _, err := s.images.Create(ctx, images.Image{Name: danglingName(old.Digest), Target: old}); err != nil {
				return err
			}
		}
		_, err = s.images.Update(ctx, images.Image{Name: name, Target: target})
	}
	if err != nil {
		return err
	}
	return s.drop(ctx, danglingName(target.Digest))
}

// drop removes a record that may be there.
func (s *stores) drop(ctx context.Context, name string) error {
	err := s.images.Delete(ctx, name)
	if errdefs.IsNotFound(err) {
		return nil
	}
	return err
}
