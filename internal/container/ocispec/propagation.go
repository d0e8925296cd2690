package ocispec

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"

	"berth/internal/container/config"
	"berth/internal/fault"
)

// shared refuses a propagation that the source's mount cannot give: it would be private
// without a word.
func shared(m config.Mount, source string) error {
	var wanted []string
	switch strings.TrimPrefix(m.Propagation, "r") {
	case "shared":
		wanted = []string{"shared"}
	case "slave":
		wanted = []string{"shared", "master"}
	default:
		return nil
	}
	real, err := filepath.EvalSymlinks(source)
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "invalid mount config for type %q", m.Type)
	}
	list, err := mountinfo.GetMounts(mountinfo.ParentsFilter(real))
	if err != nil {
		return fault.Wrap(fault.Internal, err, "the host's mounts cannot be listed")
	}
	var at *mountinfo.Info
	for _, info := range list { // the last of the longest is on top
		if at == nil || len(info.Mountpoint) >= len(at.Mountpoint) {
			at = info
		}
	}
	if at == nil {
		return fault.New(fault.Invalid, "the mount of %s cannot be found", source)
	}
	for _, field := range strings.Fields(at.Optional) {
		kind, _, _ := strings.Cut(field, ":")
		if slices.Contains(wanted, kind) {
			return nil
		}
	}
	return fault.New(fault.Invalid, "path %s is mounted on %s but it is not a %s mount", source, at.Mountpoint, strings.Join(map[int][]string{1: {"shared"}, 2: {"shared", "slave"}}[len(wanted)], " or "))
}
