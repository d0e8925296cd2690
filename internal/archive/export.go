//go:build linux

package archive

import (
	"archive/tar"
	"context"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Export writes all that is in a container's root. What the engine makes in every container
// is in it also when the container has never been started, as with Docker.
func Export(ctx context.Context, root *os.File, w io.Writer) error {
	p := NewPacker(ctx, w)
	seen := map[string]bool{}
	p.Entry = func(e Entry) (*tar.Header, bool, error) {
		if name := "/" + strings.TrimSuffix(e.Header.Name, "/"); initial(name) != 0 {
			seen[name] = true
		}
		return nil, true, nil
	}
	if err := p.Below(root); err != nil {
		return err
	}
	for _, name := range initials() {
		if seen[name] {
			continue
		}
		h := &tar.Header{Format: tar.FormatPAX, Name: name[1:], Mode: int64(initial(name) | 0o755), ModTime: time.Unix(0, 0)}
		switch initial(name) {
		case unix.S_IFDIR:
			h.Typeflag, h.Name = tar.TypeDir, h.Name+"/"
		case unix.S_IFLNK:
			h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, "/proc/mounts", unix.S_IFLNK|0o777
		default:
			h.Typeflag = tar.TypeReg
		}
		if err := p.Write(h); err != nil {
			return err
		}
	}
	return p.Close()
}
