package grammar

import (
	"path"
	"slices"

	"github.com/moby/moby/api/types/mount"

	"berth/internal/container/config"
	"berth/internal/idmap"
)

func takeBind(from *idmap.Mount, m *config.Mount) error {
	if m.Source == "" {
		return badMount("bind", "field Source must not be empty")
	}
	if o := from.BindOptions; o != nil && o.Propagation != "" && !slices.Contains(mount.Propagations, o.Propagation) {
		return badMount("bind", "invalid propagation mode: %s", o.Propagation)
	}
	if err := foreignOptions(from, m.Type); err != nil {
		return err
	}
	if !path.IsAbs(m.Source) {
		return badMount("bind", "invalid mount path: '%s' mount path must be absolute", m.Source)
	}
	o := from.BindOptions
	if o == nil {
		return finishSource(m)
	}
	m.Propagation = string(take(&o.Propagation))
	m.Create, m.NonRecursive = take(&o.CreateMountpoint), take(&o.NonRecursive)
	m.ReadOnlyTop, m.ReadOnlyAll = take(&o.ReadOnlyNonRecursive), take(&o.ReadOnlyForceRecursive)
	if err := checkReadOnly(m); err != nil {
		return err
	}
	if m.IDMapping = take(&o.IDMapping); m.IDMapping != nil {
		if err := m.IDMapping.Check(); err != nil {
			return badMount("bind", "%v", err)
		}
		if m.IDMapping.Source == idmap.UserNS {
			return badMount("bind", "the ID mapping userns needs a container with a user namespace of its own, and users are not remapped here")
		}
	}
	return refuseUnder("HostConfig.Mounts.BindOptions", o, finishSource(m))
}

// checkReadOnly refuses senseless wishes about what is mounted below a bind's source.
func checkReadOnly(m *config.Mount) error {
	switch {
	case m.ReadOnlyTop && m.ReadOnlyAll:
		return badMount("bind", "ReadOnlyNonRecursive and ReadOnlyForceRecursive cannot both be set")
	case m.ReadOnlyTop && !m.ReadOnly:
		return badMount("bind", "ReadOnlyNonRecursive is only for a mount that is ReadOnly")
	case m.ReadOnlyAll && !m.ReadOnly:
		return badMount("bind", "ReadOnlyForceRecursive is only for a mount that is ReadOnly")
	case m.ReadOnlyAll && m.NonRecursive:
		return badMount("bind", "ReadOnlyForceRecursive and NonRecursive cannot both be set")
	case m.ReadOnlyAll && m.Propagation != "" && m.Propagation != string(mount.PropagationRPrivate):
		return badMount("bind", "ReadOnlyForceRecursive needs the propagation rprivate: writable mounts could come in later")
	}
	return nil
}
