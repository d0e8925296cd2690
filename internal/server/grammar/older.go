package grammar

import (
	"maps"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/network"

	"berth/internal/container/config"
	"berth/internal/fault"
	"berth/internal/idmap"
	"berth/internal/server/compat"
)

// OldMounts does with the mounts of a create what its version of the API does: of options that are newer, some
// are not looked at, and those that somebody relies on are refused.
func OldMounts(v compat.Version, h *HostConfig) error {
	if h == nil {
		return nil
	}
	for _, m := range h.Mounts {
		if m.Type == "image" && !v.Has(compat.ImageMounts) {
			return fault.New(fault.Invalid, "Mount type \"image\" needs API v1.48 or newer")
		}
		if o := m.VolumeOptions; o != nil && o.Subpath != "" && !v.Has(compat.VolumeSubpath) {
			return fault.New(fault.Invalid, "VolumeOptions.Subpath needs API v1.45 or newer")
		}
		if m.BindOptions == nil {
			continue
		}
		if err := oldBind(v, m.BindOptions); err != nil {
			return err
		}
	}
	return nil
}

func oldBind(v compat.Version, o *idmap.BindOptions) error {
	if !v.Has(compat.NonRecursiveBinds) {
		o.NonRecursive = false
	}
	if !v.Has(compat.CreateMountpoint) {
		o.CreateMountpoint = false
	}
	if v.Has(compat.RecursiveReadOnly) {
		return nil
	}
	if o.ReadOnlyForceRecursive {
		return fault.New(fault.Invalid, "BindOptions.ReadOnlyForceRecursive needs API v1.44 or newer")
	}
	o.ReadOnlyNonRecursive = false
	return nil
}

// OldHost lets the read-only binds of an older create be so by themselves, and takes no size of a terminal from the oldest.
func OldHost(v compat.Version, h *config.HostConfig) {
	if !v.Has(compat.ConsoleSize) {
		h.ConsoleSize = [2]uint{}
	}
	for i := range h.Mounts {
		if m := &h.Mounts[i]; m.Type == "bind" && m.ReadOnly && !v.Has(compat.RecursiveReadOnly) {
			m.ReadOnlyTop = true
		}
	}
}

// OldEndpoints takes no hardware address from an older create, where it was only told, and refuses
// one that asks for several networks at once.
func OldEndpoints(v compat.Version, n *network.NetworkingConfig) error {
	if n == nil {
		return nil
	}
	if names := slices.Sorted(maps.Keys(n.EndpointsConfig)); len(names) > 1 && !v.Has(compat.EndpointsMany) {
		return fault.New(fault.Invalid, "Container cannot be connected to network endpoints: %s", strings.Join(names, ", "))
	}
	if v.Has(compat.EndpointMAC) {
		return nil
	}
	for _, e := range n.EndpointsConfig {
		if e != nil {
			e.MacAddress = nil
		}
	}
	return nil
}
