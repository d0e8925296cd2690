//go:build linux

package volume

import (
	"os"

	"berth/internal/fault"
)

// Aside makes a directory on the volumes' file system in which nobody sees a volume. Whoever asked for it removes it, or if
// the daemon is killed the next one does.
func Aside(s *Service) (string, error) {
	dir, err := os.MkdirTemp(s.root, newPrefix)
	return dir, fault.Wrap(fault.Internal, err, "no directory can be made beside the volumes")
}
