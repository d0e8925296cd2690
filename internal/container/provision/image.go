package provision

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"

	"berth/internal/container/config"
	"berth/internal/container/record"
	"berth/internal/container/rootfs"
	"berth/internal/fault"
	"berth/internal/linux/mount"
)

// chooseImage finds the image of a mount at its container's create, and makes the directory
// that mounting it takes: from then on the mount is of this image, whatever its name is given to.
func (h Storage) chooseImage(ctx context.Context, c *record.Container, m *config.Mount) error {
	if m.ImageID == "" { // else it is another container's mount, taken over
		img, err := h.deps.Images.Resolve(ctx, m.Source, "")
		if err != nil {
			return fault.As(fault.Invalid, err) // "not found" would speak of the container's image, which clients then pull
		}
		m.ImageID = img.ID
	}
	if _, err := h.deps.Images.Layers(ctx, m.ImageID); err != nil {
		return err
	}
	dir := h.imageDir(*c, *m)
	for _, d := range []string{dir, dir + "/upper", dir + "/work"} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return fault.Wrap(fault.Internal, err, "the place for the mount of image %s cannot be made", m.Source)
		}
	}
	return nil
}

// imageDir is where a container has what mounting an image takes; targets may be of any length.
func (h Storage) imageDir(c record.Container, m config.Mount) string {
	sum := sha256.Sum256([]byte(m.Target))
	return h.deps.Paths.Dir(c.ID) + "/images/" + hex.EncodeToString(sum[:8])
}

// image mounts an image, or a part of one, read-only and detached.
func (h Storage) image(c record.Container, m config.Mount) (*os.File, error) {
	ctx := context.Background() // the layers were there at the create: nothing is waited for
	lowers, err := h.deps.Images.Layers(ctx, m.ImageID)
	if err != nil {
		return nil, err
	}
	whole, err := cmp.Or(h.deps.Driver, rootfs.Overlay).Look(ctx, lowers, h.imageDir(c, m))
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "the image %s cannot be mounted", m.Source)
	}
	if m.Subpath == "" {
		return whole, nil
	}
	defer whole.Close()
	part, err := mount.Part(whole, m.Subpath)
	return part, inaccessible(err, m.Source+"/"+m.Subpath)
}
