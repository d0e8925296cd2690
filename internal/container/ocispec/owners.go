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

// mapOwners says in the spec whose the files of a bind are in the container, when the user has.
func (w Wish) mapOwners(root *os.File, m config.Mount, om *specs.Mount) (err error) {
	if m.IDMapping == nil {
		return nil
	}
	om.UIDMappings, om.GIDMappings, err = w.Owners(root, m)
	option := "ridmap"
	if m.NonRecursive {
		option = "idmap"
	}
	om.Options = append(om.Options, option)
	return err
}

// Owners are the mappings of a bind with an IDMapping: the source's owner is the user that was named, or whom the
// container runs as. root is the container's, where users are looked up.
func (w Wish) Owners(root *os.File, m config.Mount) (uids, gids []specs.LinuxIDMapping, err error) {
	who, err := user.Lookup(root, cmp.Or(m.IDMapping.User, w.Config.User), nil)
	if err != nil {
		return nil, nil, err
	}
	var st unix.Stat_t
	if err := unix.Stat(m.Source, &st); err != nil {
		return nil, nil, fault.Wrap(fault.Invalid, err, "the owner of %s cannot be found", m.Source)
	}
	// The container's side of a mount's mapping is what is on the disk (OCI, config.md).
	one := func(disk, inside uint32) []specs.LinuxIDMapping {
		return []specs.LinuxIDMapping{{ContainerID: disk, HostID: inside, Size: 1}}
	}
	return one(st.Uid, who.UID), one(st.Gid, who.GID), nil
}
