package ocispec

import (
	"cmp"
	"os"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/container/config"
	"berth/internal/fault"
	"berth/internal/linux/user"
)

// mapOwners says in the spec whose the files of a bind are in the container, when the user has: the
// source's owner is the user that was named, or whom the container runs as.
func (w Wish) mapOwners(root *os.File, m config.Mount, om *specs.Mount) error {
	if m.IDMapping == nil {
		return nil
	}
	who, err := user.Lookup(root, cmp.Or(m.IDMapping.User, w.Config.User), nil)
	if err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Stat(m.Source, &st); err != nil {
		return fault.Wrap(fault.Invalid, err, "the owner of %s cannot be found", m.Source)
	}
	// The container's side of a mount's mapping is what is on the disk (OCI, config.md).
	om.UIDMappings = []specs.LinuxIDMapping{{ContainerID: st.Uid, HostID: who.UID, Size: 1}}
	om.GIDMappings = []specs.LinuxIDMapping{{ContainerID: st.Gid, HostID: who.GID, Size: 1}}
	option := "ridmap"
	if m.NonRecursive {
		option = "idmap"
	}
	om.Options = append(om.Options, option)
	return nil
}
