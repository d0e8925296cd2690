package grammar

import (
	"strings"

	units "github.com/docker/go-units"
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
		if d.PathOnHost == "" || strings.Trim(d.CgroupPermissions, "rwm") != "" {
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
		to.Ulimits = append(to.Ulimits, config.Ulimit{Name: u.Name, Soft: u.Soft, Hard: u.Hard})
	}
	return nil
}
