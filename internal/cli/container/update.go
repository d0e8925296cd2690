package container

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"berth/internal/cli/opts"
	"berth/internal/cli/session"

	"github.com/moby/moby/api/types/container"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

type updateOptions struct {
	limits              container.Resources
	memory, reservation opts.Bytes
	swap                opts.SwapBytes
	cpus                opts.CPUs
	restart             string
	pids                int64
}

// NewUpdate returns `update`.
func NewUpdate(s *session.Session) *cobra.Command {
	o := &updateOptions{}
	cmd := &cobra.Command{
		Use:   "update [OPTIONS] CONTAINER [CONTAINER...]",
		Short: "Update configuration of one or more containers",
		Args:  session.MinArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().NFlag() == 0 {
				return errors.New("you must provide one or more flags when using this command")
			}
			return runUpdate(cmd.Context(), s, o, args)
		},
		Annotations: aliases("berth container update, berth update"),
	}
	o.install(cmd.Flags())
	return cmd
}

func (o *updateOptions) install(fs *pflag.FlagSet) {
	r := &o.limits
	fs.Uint16Var(&r.BlkioWeight, "blkio-weight", 0, "Block IO (relative weight), between 10 and 1000, or 0 to disable (default 0)")
	fs.Int64Var(&r.CPUPeriod, "cpu-period", 0, "Limit CPU CFS (Completely Fair Scheduler) period")
	fs.Int64Var(&r.CPUQuota, "cpu-quota", 0, "Limit CPU CFS (Completely Fair Scheduler) quota")
	fs.Int64Var(&r.CPURealtimePeriod, "cpu-rt-period", 0, "Limit the CPU real-time period in microseconds")
	fs.Int64Var(&r.CPURealtimeRuntime, "cpu-rt-runtime", 0, "Limit the CPU real-time runtime in microseconds")
	fs.StringVar(&r.CpusetCpus, "cpuset-cpus", "", "CPUs in which to allow execution (0-3, 0,1)")
	fs.StringVar(&r.CpusetMems, "cpuset-mems", "", "MEMs in which to allow execution (0-3, 0,1)")
	fs.Int64VarP(&r.CPUShares, "cpu-shares", "c", 0, "CPU shares (relative weight)")
	fs.VarP(&o.memory, "memory", "m", "Memory limit")
	fs.Var(&o.reservation, "memory-reservation", "Memory soft limit")
	fs.Var(&o.swap, "memory-swap", "Swap limit equal to memory plus swap: -1 to enable unlimited swap")
	fs.Var(&o.cpus, "cpus", "Number of CPUs")
	fs.Int64Var(&o.pids, "pids-limit", 0, "Tune container pids limit (set -1 for unlimited)")
	fs.StringVar(&o.restart, "restart", "", "Restart policy to apply when a container exits")
	opts.InstallKernelMemory(fs)
}

func runUpdate(ctx context.Context, s *session.Session, o *updateOptions, names []string) error {
	config := container.UpdateConfig{Resources: o.limits}
	var err error
	if config.RestartPolicy, err = opts.RestartPolicy(o.restart); err != nil {
		return err
	}
	config.Memory, config.MemoryReservation = int64(o.memory), int64(o.reservation)
	config.MemorySwap, config.NanoCPUs = int64(o.swap), int64(o.cpus)
	if o.pids != 0 {
		config.PidsLimit = &o.pids
	}
	client, err := s.Engine()
	if err != nil {
		return err
	}
	var warnings []string
	var errs []error
	for _, name := range names {
		r, err := client.Containers().Update(ctx, name, config)
		if err != nil {
			errs = append(errs, err)
		} else {
			_, _ = fmt.Fprintln(s.Out, name)
		}
		warnings = append(warnings, r.Warnings...)
	}
	if len(warnings) > 0 {
		_, _ = fmt.Fprintln(s.Out, strings.Join(warnings, "\n"))
	}
	return errors.Join(errs...)
}
