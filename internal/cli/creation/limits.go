package creation

import (
	"fmt"

	"berth/internal/cli/opts"

	"github.com/moby/moby/api/types/blkiodev"
	"github.com/moby/moby/api/types/container"
	"github.com/spf13/pflag"
)

// limits are the flags on a new container's devices and on what it may take of
// them and of memory.
type limits struct {
	weights                              opts.Weights
	readRate, writeRate, readOps, writes opts.Throttles
	gpus                                 opts.GPUs
	deviceRules                          opts.List
	swappiness                           int64
	noOOM                                bool
}

func (l *limits) install(fs *pflag.FlagSet, r *container.Resources) {
	l.deviceRules.Check = opts.DeviceRule
	l.readOps.Operations, l.writes.Operations = true, true
	fs.Uint16Var(&r.BlkioWeight, "blkio-weight", 0, "Block IO (relative weight), between 10 and 1000, or 0 to disable (default 0)")
	fs.Var(&l.weights, "blkio-weight-device", "Block IO weight (relative device weight)")
	fs.Int64Var(&r.CPURealtimePeriod, "cpu-rt-period", 0, "Limit CPU real-time period in microseconds")
	fs.Int64Var(&r.CPURealtimeRuntime, "cpu-rt-runtime", 0, "Limit CPU real-time runtime in microseconds")
	fs.Var(&l.deviceRules, "device-cgroup-rule", "Add a rule to the cgroup allowed devices list")
	fs.Var(&l.readRate, "device-read-bps", "Limit read rate (bytes per second) from a device")
	fs.Var(&l.readOps, "device-read-iops", "Limit read rate (IO per second) from a device")
	fs.Var(&l.writeRate, "device-write-bps", "Limit write rate (bytes per second) to a device")
	fs.Var(&l.writes, "device-write-iops", "Limit write rate (IO per second) to a device")
	fs.Var(&l.gpus, "gpus", "GPU devices to add to the container ('all' to pass all GPUs)")
	fs.Int64Var(&l.swappiness, "memory-swappiness", -1, "Tune container memory swappiness (0 to 100)")
	fs.BoolVar(&l.noOOM, "oom-kill-disable", false, "Disable OOM Killer")
}

// apply puts the limits into the request.
func (l *limits) apply(r *container.Resources) error {
	if l.swappiness < -1 || l.swappiness > 100 {
		return fmt.Errorf("invalid value: %d. Valid memory swappiness range is 0-100", l.swappiness)
	}
	r.MemorySwappiness = &l.swappiness // -1 is the daemon's to choose
	if l.noOOM {
		r.OomKillDisable = &l.noOOM
	}
	// Lists of devices are never null on the wire.
	r.BlkioWeightDevice, r.DeviceCgroupRules = append([]*blkiodev.WeightDevice{}, l.weights.Values...), l.deviceRules.Values
	rates := func(t opts.Throttles) []*blkiodev.ThrottleDevice {
		return append([]*blkiodev.ThrottleDevice{}, t.Values...)
	}
	r.BlkioDeviceReadBps, r.BlkioDeviceWriteBps = rates(l.readRate), rates(l.writeRate)
	r.BlkioDeviceReadIOps, r.BlkioDeviceWriteIOps = rates(l.readOps), rates(l.writes)
	r.DeviceRequests = append(l.gpus.Values, r.DeviceRequests...)
	return nil
}
