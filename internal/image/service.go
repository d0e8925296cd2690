package image

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"berth/internal/fault"
)

// Service is the store of images. Its methods may be called from any goroutine.
type Service struct {
	*stores
	root string

	mu        sync.Mutex // over changes of the images' records and of catalog
	catalog   atomic.Pointer[catalog]
	embedding sync.Mutex // one EnsureEmbedded at a time
	layers    sync.Map   // digest.Digest -> []string, see Layers
	uses      uses

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
	st, err := openStores(root)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "open the image store in %s", root)
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	s := &Service{
		stores: st, root: root, stop: stop, uses: uses{filepath.Join(root, "used")},
		changes: changeCounter{marker: filepath.Join(root, "unclean")}, recovered: make(chan struct{}),
	}
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

// Close ends the background work and closes the databases. Callers' own
// requests must have ended.
func (s *Service) Close() error {
	s.stop()
	<-s.recovered
	return fault.Wrap(fault.Internal, s.stores.close(), "close the image store")
}
