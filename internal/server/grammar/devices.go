package grammar

import (
	"path"
	"slices"
	"strings"

	units "github.com/docker/go-units"
	"github.com/moby/moby/api/types/blkiodev"
	wire "github.com/moby/moby/api/types/container"

	"berth/internal/container/config"
	"berth/internal/fault"
)

func takeDevices(from *wire.HostConfig, to *config.HostConfig) error {
	for _, d := range take(&from.Devices) {
		if d.PathInContainer == "" {
			d.PathInContainer = d.PathOnHost
		}
		if d.CgroupPermissions == "" {
			d.CgroupPermissions = "rwm"
		}
		if d.PathOnHost == "" || path.Clean("/"+d.PathInContainer) == "/" || strings.Trim(d.CgroupPermissions, "rwm") != "" {
			return fault.New(fault.Invalid, "invalid device specification: %s:%s:%s", d.PathOnHost, d.PathInContainer, d.CgroupPermissions)
		}
		to.Devices = append(to.Devices, config.Device{Host: d.PathOnHost, Container: d.PathInContainer, Permissions: d.CgroupPermissions})
	}
	return nil
}

func takeUlimits(from *wire.HostConfig, to *config.HostConfig) error {
	for _, u := range take(&from.Ulimits) {
		if u == nil {
			continue
		}
		if _, err := units.ParseUlimit(u.Name + "=0"); err != nil {
			return fault.New(fault.Invalid, "invalid ulimit type: %s", u.Name)
		}
		if u.Hard != -1 && (u.Soft == -1 || u.Soft > u.Hard) {
			return fault.New(fault.Invalid, "ulimit soft limit must be less than or equal to hard limit: %d > %d", u.Soft, u.Hard)
		}
		if slices.ContainsFunc(to.Ulimits, func(other config.Ulimit) bool { return other.Name == u.Name }) {
			return fault.New(fault.Invalid, "HostConfig.Ulimits names %s twice", u.Name)
		}
		to.Ulimits = append(to.Ulimits, config.Ulimit{Name: u.Name, Soft: u.Soft, Hard: u.Hard})
	}
	return nil
}

// weights and rates leave out what is null, as Docker does.
func weights(from []*blkiodev.WeightDevice) (to []config.DeviceWeight) {
	if from != nil {
		to = []config.DeviceWeight{} // in an update it clears
	}
	for _, d := range from {
		if d != nil {
			to = append(to, config.DeviceWeight{Path: d.Path, Weight: d.Weight})
		}
	}
	return to
}

func rates(from []*blkiodev.ThrottleDevice) (to []config.DeviceRate) {
	if from != nil {
		to = []config.DeviceRate{}
	}
	for _, d := range from {
		if d != nil {
			to = append(to, config.DeviceRate{Path: d.Path, Rate: d.Rate})
		}
	}
	return to
}
