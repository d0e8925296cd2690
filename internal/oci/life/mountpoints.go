//go:build linux

package life

import (
	"os"
	"path"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/linux/mount"
)

// makePoints makes what is missing in a root of the places for mounts. Those in a
// file system of the container's own come back with it.
func makePoints(root *os.File, mounts []specs.Mount) error {
	for i, m := range mounts {
		from, inside, ours := pointOf(mounts[:i], m.Destination)
		if !ours {
			continue
		}
		dir := true
		if bind(m) {
			st, err := os.Stat(m.Source)
			if err != nil {
				return fault.Wrap(fault.Invalid, err, "The mount %s cannot be made", m.Destination)
			}
			dir = st.IsDir()
		}
		if err := makePoint(root, from, inside, dir); err != nil {
			return fault.Wrap(fault.Invalid, err, "The place for the mount %s cannot be made", m.Destination)
		}
	}
	return nil
}

// pointOf says where a destination is made: below what is mounted over it, the
// latest, or in the root. It is not ours to make in what criu restores.
func pointOf(before []specs.Mount, destination string) (from, inside string, ours bool) {
	for i := len(before) - 1; i >= 0; i-- {
		over := path.Clean(before[i].Destination)
		if rest, below := strings.CutPrefix(destination, over+"/"); below || over == destination {
			return before[i].Source, "/" + rest, below && bind(before[i])
		}
	}
	return "", destination, true
}

// makePoint makes a directory, or an empty file, with all above it. from is the
// source of a bind mount; empty is the root.
func makePoint(root *os.File, from, inside string, dir bool) error {
	if from != "" {
		f, err := os.OpenFile(from, unix.O_PATH, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		root = f
	}
	return mount.MakePlace(root, inside, dir)
}
