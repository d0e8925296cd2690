package grammar

import (
	"path/filepath"

	"berth/internal/container/config"
	"berth/internal/idmap"
)

// takeImage takes a mount of an image, which is read-only whether it says so or not.
func takeImage(from *idmap.Mount, m *config.Mount) error {
	if err := foreignOptions(from, m.Type); err != nil {
		return err
	}
	if m.Source == "" {
		return badMount("image", "field Source must not be empty")
	}
	o := from.ImageOptions
	if o == nil {
		return nil
	}
	if m.Subpath = take(&o.Subpath); m.Subpath != "" && !filepath.IsLocal(m.Subpath) {
		return badMount("image", "subpath must be a relative path within the volume")
	}
	return refuseUnder("HostConfig.Mounts.ImageOptions", o, nil)
}
