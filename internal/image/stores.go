package image

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/core/metadata"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/containerd/containerd/v2/plugins/snapshots/overlay"
	bolt "go.etcd.io/bbolt"
)

const (
	namespace   = "berth"
	snapshotter = "overlayfs"
	// lockTimeout is how long Open waits for another process that has the
	// database open: long enough for one that is just ending.
	lockTimeout = 5 * time.Second
)

// stores is what containerd's packages keep for us. Its methods change single
// records and know no lock and no lease: the verbs of Service call them.
type stores struct {
	db      *metadata.DB
	content content.Store         // with namespace and leases
	sn      snapshots.Snapshotter // with namespace and leases
	backend snapshots.Snapshotter // what sn stands on; it has to be closed
	images  images.Store
	leases  leases.Manager
}

func openStores(root string) (_ *stores, err error) {
	var undo []func()
	defer func() {
		for i := len(undo) - 1; err != nil && i >= 0; i-- {
			undo[i]()
		}
	}()
	if err := os.MkdirAll(root, 0o700); err != nil {
		return nil, err
	}
	blobs, err := local.NewStore(filepath.Join(root, "content"))
	if err != nil {
		return nil, err
	}
	backend, err := overlay.NewSnapshotter(filepath.Join(root, "snapshots"), overlay.WithUpperdirLabel)
	if err != nil {
		return nil, err
	}
	undo = append(undo, func() { backend.Close() })
	file, err := bolt.Open(filepath.Join(root, "metadata.db"), 0o600, &bolt.Options{Timeout: lockTimeout, FreelistType: bolt.FreelistMapType})
	if err != nil {
		return nil, err
	}
	undo = append(undo, func() { file.Close() })
	db := metadata.NewDB(file, blobs, map[string]snapshots.Snapshotter{snapshotter: backend})
	if err := db.Init(context.Background()); err != nil {
		return nil, err
	}
	return &stores{
		db: db, content: db.ContentStore(), sn: db.Snapshotter(snapshotter), backend: backend,
		images: metadata.NewImageStore(db), leases: metadata.NewLeaseManager(db),
	}, nil
}

func (s *stores) close() error { return errors.Join(s.backend.Close(), s.db.Close()) }

// scoped puts our namespace into ctx, without which containerd refuses work.
func scoped(ctx context.Context) context.Context { return namespaces.WithNamespace(ctx, namespace) }
