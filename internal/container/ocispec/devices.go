package ocispec

import (
	"os"
	"path"
	"path/filepath"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/container/config"
	"berth/internal/fault"
	"berth/internal/runtime"
)

// addDevices adds the host devices that the user asked for.
func addDevices(spec *specs.Spec, hc config.HostConfig) error {
	if hc.Privileged {
		all, err := runtime.HostDevices()
		if err != nil {
			return err
		}
		spec.Linux.Devices = all
	}
	for _, d := range hc.Devices {
		found, err := devices(d)
		if err != nil {
			return fault.As(fault.Invalid, err)
		}
		spec.Linux.Devices = append(spec.Linux.Devices, found...)
		for _, dev := range found {
			spec.Linux.Resources.Devices = append(spec.Linux.Resources.Devices, specs.LinuxDeviceCgroup{
				Allow: true, Type: dev.Type, Major: &dev.Major, Minor: &dev.Minor, Access: d.Permissions,
			})
		}
	}
	rules, err := config.DeviceRules(hc.DeviceRules)
	spec.Linux.Resources.Devices = append(spec.Linux.Resources.Devices, rules...)
	return err
}

// devices are what a path of the host's stands for: a device, or all that are in a directory.
func devices(d config.Device) (list []specs.LinuxDevice, err error) {
	target := path.Join("/", d.Container)
	if st, err := os.Stat(d.Host); err != nil || !st.IsDir() || !path.IsAbs(d.Host) {
		dev, err := runtime.Device(d.Host, target)
		return []specs.LinuxDevice{dev}, err
	}
	dir, err := filepath.EvalSymlinks(d.Host)
	if err != nil {
		return nil, fault.Wrap(fault.NotFound, err, "error gathering device information while adding custom device %q", d.Host)
	}
	all, err := runtime.DevicesIn(dir)
	for _, dev := range all {
		below, err := filepath.Rel(dir, dev.Path)
		if err != nil {
			return nil, err
		}
		dev.Path = path.Join(target, below)
		list = append(list, dev)
	}
	if err == nil && len(list) == 0 {
		err = fault.New(fault.NotFound, "error gathering device information while adding custom device %q: not a device node", d.Host)
	}
	return list, err
}

// LimitBlocks adds the limits on single block devices, which are known to the user by their paths.
func LimitBlocks(r *specs.LinuxResources, lim config.Resources) error {
	b := r.BlockIO
	if b == nil {
		b = &specs.LinuxBlockIO{}
	}
	for _, d := range lim.BlkioWeights {
		number, err := block(d.Path)
		if err != nil {
			return err
		}
		w := specs.LinuxWeightDevice{Weight: &d.Weight}
		w.Major, w.Minor = number.Major, number.Minor
		b.WeightDevice = append(b.WeightDevice, w)
		r.BlockIO = b
	}
	for _, t := range []struct {
		from []config.DeviceRate
		to   *[]specs.LinuxThrottleDevice
	}{
		{lim.BlkioReadBps, &b.ThrottleReadBpsDevice}, {lim.BlkioWriteBps, &b.ThrottleWriteBpsDevice},
		{lim.BlkioReadIOps, &b.ThrottleReadIOPSDevice}, {lim.BlkioWriteIOps, &b.ThrottleWriteIOPSDevice},
	} {
		for _, d := range t.from {
			number, err := block(d.Path)
			if err != nil {
				return err
			}
			limit := specs.LinuxThrottleDevice{Rate: d.Rate}
			limit.Major, limit.Minor = number.Major, number.Minor
			*t.to = append(*t.to, limit)
			r.BlockIO = b
		}
	}
	return nil
}

// block finds a block device by its path on the host.
func block(name string) (*specs.LinuxDevice, error) {
	var st unix.Stat_t
	err := unix.Stat(name, &st)
	if !path.IsAbs(name) {
		err = unix.ENOENT
	}
	switch {
	case err != nil:
		return nil, fault.New(fault.Invalid, "stat %s: %v", name, err)
	case st.Mode&unix.S_IFMT != unix.S_IFBLK:
		return nil, fault.New(fault.Invalid, "%s is not a block device, whose use could be limited", name)
	}
	return &specs.LinuxDevice{Major: int64(unix.Major(st.Rdev)), Minor: int64(unix.Minor(st.Rdev))}, nil
}
