package cgroup

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/fault"
)

// step is one value to write.
type step struct {
	controller string
	file       string
	value      string
	// optional: some kernels lack the file, and the value only says what holds without it.
	optional bool
	// again: the kernel checks the value against one that is written later, so
	// what it refuses (EINVAL) is tried once more after the others.
	again bool
	// instead is written where the kernel lacks the file.
	instead *step
}

func (s step) String() string {
	text := fmt.Sprintf("%s %s = %s", s.controller, s.file, s.value)
	if s.optional {
		text += ", if it is there"
	}
	if s.again {
		text += ", or later"
	}
	if s.instead != nil {
		text += ", else " + s.instead.file + " = " + s.instead.value
	}
	return text
}

// steps collects values to write.
type steps []step

// add appends a step; the caller may still say more of it.
func (s *steps) add(controller, file string, value any) *step {
	*s = append(*s, step{controller: controller, file: file, value: fmt.Sprint(value)})
	return &(*s)[len(*s)-1]
}

// planner decides what to write. It touches nothing.
type planner struct {
	steps
	// on says whose files a controller has. Blocks are asked for as "io".
	on func(controller string) Version
	// now is what a file of the group holds, "" when that cannot be told. It is nil for
	// a group that is about to be made.
	now func(controller, file string) string
}

// holds is now, also for a fresh group.
func (p *planner) holds(controller, file string) string {
	if p.now == nil {
		return ""
	}
	return strings.TrimSpace(p.now(controller, file))
}

// plan decides what to write for r, devices apart, in the order that the kernel
// needs. What is silently left out, and why, is in docs/decisions/0013.
func (p *planner) plan(r *specs.LinuxResources) (steps, error) {
	if r == nil {
		return nil, nil
	}
	for _, part := range []func(*specs.LinuxResources) error{p.rdma, p.memory, p.cpu, p.cpuset, p.pids, p.block, p.huge, p.network, p.unified} {
		if err := part(r); err != nil {
			return nil, err
		}
	}
	return p.steps, nil
}

func (p *planner) memory(r *specs.LinuxResources) error {
	m := r.Memory
	if m == nil {
		return nil
	}
	for _, v := range []*int64{m.Limit, m.Swap, m.Reservation, m.KernelTCP} {
		if set(v) < -1 {
			return fault.New(fault.Invalid, "invalid memory value: %d", *v)
		}
	}
	// Kernel memory has no limit of its own any more: Linux 5.4 deprecated and 5.16 ended it, Docker
	// and runc warn of it, and old callers still send it.
	if p.on("memory") == V2 {
		return p.memoryV2(m)
	}
	return p.memoryV1(m)
}

func (p *planner) cpu(r *specs.LinuxResources) error {
	c := r.CPU
	if c == nil {
		return nil
	}
	if c.Idle != nil && *c.Idle != 0 && *c.Idle != 1 {
		return fault.New(fault.Invalid, "The CPU's idle is 0 or 1, not %d.", *c.Idle)
	}
	if p.on("cpu") == V2 {
		return p.cpuV2(c)
	}
	return p.cpuV1(c)
}

// cpuset is alike in both versions.
func (p *planner) cpuset(r *specs.LinuxResources) error {
	if c := r.CPU; c != nil && c.Cpus != "" {
		p.add("cpuset", "cpuset.cpus", c.Cpus)
	}
	if c := r.CPU; c != nil && c.Mems != "" {
		p.add("cpuset", "cpuset.mems", c.Mems)
	}
	return nil
}

// pids is alike in both versions; 0 and less mean no limit, as in Docker.
func (p *planner) pids(r *specs.LinuxResources) error {
	if r.Pids != nil && r.Pids.Limit != nil {
		p.add("pids", "pids.max", unlimited(*r.Pids.Limit))
	}
	return nil
}

func (p *planner) block(r *specs.LinuxResources) error {
	b := r.BlockIO
	if b == nil {
		return nil
	}
	if p.on("io") == V2 {
		return p.blockV2(b)
	}
	p.blockV1(b)
	return nil
}

// throttle is a list of limits and what each version calls it.
type throttle struct {
	v1, v2 string
	list   []specs.LinuxThrottleDevice
}

func throttles(b *specs.LinuxBlockIO) []throttle {
	return []throttle{
		{"blkio.throttle.read_bps_device", "rbps", b.ThrottleReadBpsDevice}, {"blkio.throttle.write_bps_device", "wbps", b.ThrottleWriteBpsDevice},
		{"blkio.throttle.read_iops_device", "riops", b.ThrottleReadIOPSDevice}, {"blkio.throttle.write_iops_device", "wiops", b.ThrottleWriteIOPSDevice},
	}
}

// huge limits the use of huge pages and, where the kernel counts them, their reservation.
func (p *planner) huge(r *specs.LinuxResources) error {
	file := map[Version]string{V1: "limit_in_bytes", V2: "max"}[p.on("hugetlb")]
	for _, h := range r.HugepageLimits {
		if !pageSize(h.Pagesize) {
			return fault.New(fault.Invalid, "%q is not a size of huge pages, as \"2MB\" is.", h.Pagesize)
		}
		p.add("hugetlb", "hugetlb."+h.Pagesize+"."+file, h.Limit)
		p.add("hugetlb", "hugetlb."+h.Pagesize+".rsvd."+file, h.Limit).optional = true
	}
	return nil
}

// pageSize knows the names of huge pages: "64KB", "2MB", "1GB". They become part of a
// file's name, so nothing else may.
func pageSize(name string) bool {
	number := strings.TrimRight(name, "KMGB")
	n, err := strconv.ParseUint(number, 10, 32)
	return err == nil && n > 0 && slices.Contains([]string{"KB", "MB", "GB"}, name[len(number):]) && fmt.Sprint(n) == number
}

// network marks packets. Version 2 has no such controllers.
func (p *planner) network(r *specs.LinuxResources) error {
	n := r.Network
	if n == nil {
		return nil
	}
	if n.ClassID != nil && *n.ClassID != 0 {
		if p.on("net_cls") == V2 {
			return missingOnV2("network.classID")
		}
		p.add("net_cls", "net_cls.classid", *n.ClassID)
	}
	for _, prio := range n.Priorities {
		if p.on("net_prio") == V2 {
			return missingOnV2("network.priorities")
		}
		if prio.Name == "" || strings.ContainsAny(prio.Name, " \n\x00") {
			return fault.New(fault.Invalid, "%q is not the name of a network interface.", prio.Name)
		}
		p.add("net_prio", "net_prio.ifpriomap", fmt.Sprintf("%s %d", prio.Name, prio.Priority))
	}
	return nil
}

// unified are files of version 2 by their own names. They come last: they are the
// more exact word.
func (p *planner) unified(r *specs.LinuxResources) error {
	if len(r.Unified) > 0 && p.on("") == V1 {
		return fault.New(fault.Invalid, "The unified resources need cgroup version 2, which this host does not use.")
	}
	for _, name := range sorted(r.Unified) {
		controller, parameter, _ := strings.Cut(name, ".")
		if strings.ContainsAny(name, "/\x00") || controller == "" || parameter == "" {
			return fault.New(fault.Invalid, "unified resource %q must be in the form CONTROLLER.PARAMETER", name)
		}
		p.add(controller, name, r.Unified[name])
	}
	return nil
}

// set is *p, or 0 when nil: OCI and Docker treat both as "not asked for".
func set[T int64 | uint64](p *T) T {
	if p == nil {
		return 0
	}
	return *p
}

// unlimited writes v, or "max" for a value that is not positive.
func unlimited(v int64) string {
	if v <= 0 {
		return "max"
	}
	return strconv.FormatInt(v, 10)
}

func missingOnV2(what string) error {
	return fault.New(fault.Unsupported, "linux.resources.%s cannot be set on cgroup version 2, which has nothing like it.", what)
}

func swapBelow() error {
	return fault.New(fault.Invalid, "Minimum memoryswap limit should be larger than memory limit, see usage")
}
