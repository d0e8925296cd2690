package show

import (
	"cmp"
	"path"
	"strings"

	"berth/internal/container"

	wire "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
)

// MountPoints shows the user's mounts; Mode holds the words of -v. volumeDir says
// where a volume's data is; it may be nil.
func MountPoints(c *container.Container, volumeDir func(name string) string) []wire.MountPoint {
	out := []wire.MountPoint{}
	for i := range c.HostConfig.Mounts {
		m := &c.HostConfig.Mounts[i]
		p := wire.MountPoint{
			Type:        mount.Type(m.Type),
			Source:      m.Source,
			Destination: m.Target,
			Mode:        cmp.Or(m.ModeWords, bindMode(c.HostConfig.Binds, m.Target)),
			RW:          !m.ReadOnly && m.Type != "image",
			Propagation: mount.Propagation(m.Propagation),
		}
		switch m.Type {
		case "volume":
			p.Name, p.Source, p.Driver = m.Source, "", m.VolumeDriver()
			if volumeDir != nil {
				p.Source = volumeDir(m.Source)
			}
		case "image":
			p.Name, p.Propagation = m.Source, mount.PropagationRPrivate
		case "bind":
			p.Propagation = cmp.Or(p.Propagation, mount.PropagationRPrivate)
		}
		out = append(out, p)
	}
	return out
}

func bindMode(binds []string, target string) string {
	for _, word := range binds {
		if parts := strings.Split(word, ":"); len(parts) == 3 && path.Clean(parts[1]) == target {
			return parts[2]
		}
	}
	return ""
}
