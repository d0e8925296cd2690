package ocispec

import (
	"path"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/container/config"
)

// shm is where POSIX has its shared memory.
const shm = "/dev/shm"

// sharesShm reports whether the container has the shared memory of another one.
func (w Wish) sharesShm() bool { return strings.HasPrefix(w.HostConfig.IpcMode, "container:") }

// SharedShm reports whether a mount of the spec is the shared memory of another container.
func (w Wish) SharedShm(m specs.Mount) bool {
	return w.sharesShm() && m.Type == "bind" && m.Destination == shm && m.Source == shm
}

// Within tells the directory that a mount's source may not leave, if there is one: the source is
// a part of a volume, in which a container may have put links.
func (w Wish) Within(m specs.Mount) (dir, below string, err error) {
	for _, mine := range w.HostConfig.Mounts {
		if mine.Type != "volume" || mine.Subpath == "" || m.Type != "bind" {
			continue
		}
		dir, err := w.VolumeDir(mine.Source)
		if err != nil || path.Join(dir, mine.Subpath) == m.Source {
			return dir, mine.Subpath, err
		}
	}
	return "", "", nil
}

// imageSource begins the source of an image's mount, to which no path leads; its target in
// the user's words follows. Sources of binds are absolute paths.
const imageSource = "image on "

// Image finds the user's mount of an image that a mount of the spec stands for.
func (w Wish) Image(m specs.Mount) (config.Mount, bool) {
	target, is := strings.CutPrefix(m.Source, imageSource)
	if !is || m.Type != "bind" {
		return config.Mount{}, false
	}
	for _, mine := range w.HostConfig.Mounts {
		if mine.Type == "image" && mine.Target == target {
			return mine, true
		}
	}
	return config.Mount{}, false
}
