package unpack

import (
	"archive/tar"
	"errors"

	ctrarchive "github.com/containerd/containerd/v2/pkg/archive"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// whiteout notes in the way of overlays that a layer removes a file of the layers below it. Some file systems, overlays
// above all, do not let that be noted: then the layer cannot be unpacked there, and who reads the error has to know why.
func whiteout(h *tar.Header, path string) (bool, error) {
	write, err := ctrarchive.OverlayConvertWhiteout(h, path)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOTSUP) {
		return false, fault.Wrap(fault.Unavailable, err, "%s removes a file of a lower layer, and the file system of the data root cannot hold that: "+
			"put data-root on ext4, xfs or btrfs, or on a volume when berthd runs in a container", quoted(h.Name))
	}
	return write, err
}
