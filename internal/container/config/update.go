package config

import (
	"reflect"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/container/restart"
	"berth/internal/fault"
)

// Update is what is to change of a container. What is zero stays; an empty list that is not
// nil clears.
type Update struct {
	Resources Resources // all but PidsLimit
	PidsLimit *int64    // 0 and less are unlimited
	Restart   *restart.Policy
}

// Check refuses what no container can be given, in Docker's wording.
func (u Update) Check() error {
	alone := u.Resources
	alone.MemorySwap = 0 // may be the sum with a limit that the container has
	if u.Restart != nil {
		if err := u.Restart.Check(); err != nil {
			return err
		}
	}
	return checkResources(alone)
}

// Apply is a container's host side with the change made, or why it contradicts what the
// container has.
func (u Update) Apply(has HostConfig) (HostConfig, error) {
	out := has
	if u.Restart != nil {
		if has.AutoRemove && !u.Restart.None() {
			return has, fault.New(fault.Conflict, "Restart policy cannot be updated because AutoRemove is enabled for the container")
		}
		out.RestartPolicy = *u.Restart
	}
	var err error
	out.Resources, err = u.resources(has.Resources)
	return out, err
}

func (u Update) resources(has Resources) (Resources, error) {
	ask := u.Resources
	switch {
	case ask.NanoCPUs > 0 && has.CPUPeriod > 0:
		return has, fault.New(fault.Conflict, "Conflicting options: Nano CPUs cannot be updated as CPU Period has already been set")
	case ask.NanoCPUs > 0 && has.CPUQuota > 0:
		return has, fault.New(fault.Conflict, "Conflicting options: Nano CPUs cannot be updated as CPU Quota has already been set")
	case ask.CPUPeriod > 0 && has.NanoCPUs > 0:
		return has, fault.New(fault.Conflict, "Conflicting options: CPU Period cannot be updated as NanoCPUs has already been set")
	case ask.CPUQuota != 0 && has.NanoCPUs > 0:
		return has, fault.New(fault.Conflict, "Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set")
	case ask.Memory > 0 && ask.MemorySwap == 0 && has.MemorySum() != -1 && ask.Memory > has.MemorySum():
		return has, fault.New(fault.Conflict, "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time")
	}
	out := has
	if ask.Memory > 0 || ask.MemorySwap != 0 {
		out.MemorySwap = has.MemorySum() // what is in force stays so when the limit on memory alone changes
	}
	to, from := reflect.ValueOf(&out).Elem(), reflect.ValueOf(ask)
	for i := range from.NumField() {
		if !from.Field(i).IsZero() {
			to.Field(i).Set(from.Field(i))
		}
	}
	if u.PidsLimit != nil {
		out.PidsLimit = max(*u.PidsLimit, 0)
	}
	switch {
	case ask.MemorySwap < -1:
		return has, fault.New(fault.Invalid, "invalid memory value: %d", ask.MemorySwap)
	case out.MemorySwap > 0 && out.Memory == 0:
		return has, fault.New(fault.Invalid, "You should always set the Memory limit when using Memoryswap limit, see usage")
	case out.MemorySwap > 0 && out.MemorySwap < out.Memory:
		return has, fault.New(fault.Invalid, "Minimum memoryswap limit should be larger than memory limit, see usage")
	}
	return out, nil
}

// Limits are what a control group has to be told, so that it has what Apply has made of its
// limits. What the change does not touch is not in them: to write it again could be refused.
func (u Update) Limits(applied Resources) *specs.LinuxResources {
	part := u.Resources
	if part.Memory > 0 || part.MemorySwap != 0 { // each is reckoned with the other
		part.Memory, part.MemorySwap = applied.Memory, applied.MemorySwap
	}
	r := &specs.LinuxResources{}
	part.Limit(r)
	if u.PidsLimit != nil {
		r.Pids = &specs.LinuxPids{Limit: &applied.PidsLimit}
	}
	if r.Memory != nil && r.Memory.Limit != nil {
		look := true // a limit below what is in use would be a death
		r.Memory.CheckBeforeUpdate = &look
	}
	return r
}

// Blocks are the limits on single block devices that a control group has to be told: the
// lists that are changed, and for devices that are in them no more, that they have none.
func (u Update) Blocks(had, applied Resources) Resources {
	var out Resources
	for _, list := range []struct{ ask, had, to *[]DeviceRate }{
		{&u.Resources.BlkioReadBps, &had.BlkioReadBps, &out.BlkioReadBps}, {&u.Resources.BlkioWriteBps, &had.BlkioWriteBps, &out.BlkioWriteBps},
		{&u.Resources.BlkioReadIOps, &had.BlkioReadIOps, &out.BlkioReadIOps}, {&u.Resources.BlkioWriteIOps, &had.BlkioWriteIOps, &out.BlkioWriteIOps},
	} {
		if *list.ask == nil {
			continue
		}
		for _, d := range *list.had {
			*list.to = append(*list.to, DeviceRate{Path: d.Path}) // before the new: the same device may be there
		}
		*list.to = append(*list.to, *list.ask...)
	}
	if u.Resources.BlkioWeights == nil {
		return out
	}
	common := uint16(defaultBlkio)
	if applied.BlkioWeight > 0 {
		common = applied.BlkioWeight
	}
	for _, d := range had.BlkioWeights {
		out.BlkioWeights = append(out.BlkioWeights, DeviceWeight{Path: d.Path, Weight: common})
	}
	out.BlkioWeights = append(out.BlkioWeights, u.Resources.BlkioWeights...)
	return out
}

// defaultBlkio is the weight of who has none of his own.
const defaultBlkio = 100
