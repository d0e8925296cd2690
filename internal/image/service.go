package image

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"berth/internal/fault"

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

// Service is the store of images. Its methods may be called from any goroutine.
type Service struct {
	root    string
	db      *metadata.DB
	content content.Store         // with namespace and leases
	sn      snapshots.Snapshotter // with namespace and leases
	backend snapshots.Snapshotter // what sn stands on; it has to be closed
	images  images.Store
	leases  leases.Manager

	mu        sync.Mutex // over changes of the images' records and of catalog
	catalog   atomic.Pointer[catalog]
	embedding sync.Mutex // one EnsureEmbedded at a time
	layers    sync.Map   // digest.Digest -> []string, see Layers

	changes   changeCounter
	recovered chan struct{} // closed when what a crash left is gone
	recovery  error         // read after recovered
	stop      context.CancelFunc
}

// Open opens the store in root, a directory of its own (<data-root>/images),
// and makes it if need be. What a killed process has left behind is collected
// in the background; changes wait for that, reads do not.
func Open(ctx context.Context, root string) (*Service, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "open the image store")
	}
	s, err := open(root)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "open the image store in %s", root)
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	if _, err := os.Lstat(s.changes.marker); err != nil {
		close(s.recovered)
		return s, nil
	}
	s.changes.keep() // until recover is done
	go func() {
		defer close(s.recovered)
		s.recovery = s.recover(scoped(background))
	}()
	return s, nil
}

func open(root string) (_ *Service, err error) {
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
	return &Service{
		root: root, db: db, content: db.ContentStore(), sn: db.Snapshotter(snapshotter), backend: backend,
		images: metadata.NewImageStore(db), leases: metadata.NewLeaseManager(db),
		changes: changeCounter{marker: filepath.Join(root, "unclean")}, recovered: make(chan struct{}),
	}, nil
}

// Close ends the background work and closes the databases. Callers' own
// requests must have ended.
func (s *Service) Close() error {
	s.stop()
	<-s.recovered
	return fault.Wrap(fault.Internal, errors.Join(s.backend.Close(), s.db.Close()), "close the image store")
}

// scoped puts our namespace into ctx, without which containerd refuses work.
func scoped(ctx context.Context) context.Context { return namespaces.WithNamespace(ctx, namespace) }
