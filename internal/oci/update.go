//go:build linux

package oci

import (
	"encoding/json"
	"flag"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/fault"
)

func (c *command) update(args []string) (int, error) {
	fs := flags("update")
	limits := &specs.LinuxResources{Memory: &specs.LinuxMemory{}, CPU: &specs.LinuxCPU{}, BlockIO: &specs.LinuxBlockIO{}, Pids: &specs.LinuxPids{}}
	file := fs.String("resources", "", "")
	fs.StringVar(file, "r", "", "")
	limitFlags(fs, limits)
	if err := parse(fs, args, 1, 1); err != nil {
		return 0, err
	}
	if *file != "" {
		limits = &specs.LinuxResources{}
		if err := readLimits(*file, limits); err != nil {
			return 0, err
		}
	}
	if limits.Pids != nil && limits.Pids.Limit == nil {
		limits.Pids = nil
	}
	return 0, c.r.Update(fs.Arg(0), limits)
}

func readLimits(file string, to *specs.LinuxResources) error {
	data, err := []byte(nil), error(nil)
	if file == "-" {
		data, err = io.ReadAll(os.Stdin)
	} else {
		data, err = os.ReadFile(file)
	}
	if err == nil {
		err = json.Unmarshal(data, to)
	}
	return fault.Wrap(fault.Invalid, err, "The resources cannot be read")
}

// limitFlags are runc's flags for single limits.
func limitFlags(fs *flag.FlagSet, r *specs.LinuxResources) {
	for name, to := range map[string]**int64{
		"memory": &r.Memory.Limit, "memory-reservation": &r.Memory.Reservation, "memory-swap": &r.Memory.Swap,
		"cpu-quota": &r.CPU.Quota, "cpu-rt-runtime": &r.CPU.RealtimeRuntime, "pids-limit": &r.Pids.Limit, "cpu-idle": &r.CPU.Idle,
	} {
		fs.Func(name, "", func(text string) error { return number(text, to) })
	}
	for name, to := range map[string]**uint64{
		"cpu-period": &r.CPU.Period, "cpu-share": &r.CPU.Shares, "cpu-burst": &r.CPU.Burst, "cpu-rt-period": &r.CPU.RealtimePeriod,
	} {
		fs.Func(name, "", func(text string) error {
			n, err := strconv.ParseUint(text, 10, 64)
			*to = &n
			return err
		})
	}
	fs.Func("blkio-weight", "", func(text string) error {
		n, err := strconv.ParseUint(text, 10, 16)
		weight := uint16(n)
		r.BlockIO.Weight = &weight
		return err
	})
	fs.StringVar(&r.CPU.Cpus, "cpuset-cpus", "", "")
	fs.StringVar(&r.CPU.Mems, "cpuset-mems", "", "")
	for _, name := range []string{"kernel-memory", "kernel-memory-tcp", "l3-cache-schema", "mem-bw-schema"} {
		fs.Func(name, "", func(string) error { return fault.New(fault.Unsupported, "--%s is not supported.", name) })
	}
}

// number reads "-1", "4096" and "64M".
func number(text string, to **int64) error {
	digits := strings.TrimRight(strings.ToLower(text), "ib")
	shift := 0
	if digits != "" {
		if i := strings.IndexByte("kmgtp", digits[len(digits)-1]); i >= 0 {
			digits, shift = digits[:len(digits)-1], 10*(i+1)
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n<<shift>>shift != n {
		return fault.New(fault.Invalid, "%q is not a size", text)
	}
	n <<= shift
	*to = &n
	return nil
}
