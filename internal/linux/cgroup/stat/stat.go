// Package stat reads what a control group uses, in one form for both versions.
//
// What the host does not count is 0 or absent, and so is a file that cannot be
// understood: a number that is wrong must not take the others away. Sources: the kernel's
// Documentation/admin-guide/cgroup-v1/, cgroup-v2.rst and Documentation/accounting/psi.rst.
package stat

import "berth/internal/linux/cgroup"

// Unlimited is version 2's "max". Version 1's unlimited memory is the largest number of whole pages.
const Unlimited = ^uint64(0)

// Stats is what a group uses, and the groups below it with it.
type Stats struct {
	CPU    CPU
	Memory Memory
	Pids   Pids
	Block  Block
	Huge   map[string]Huge // by the pages' size: "2MB"
	RDMA   map[string]RDMA // by device
}

// CPU is in nanoseconds. The three are not measured together, so that User and
// Kernel need not add up to Total.
type CPU struct {
	Total, User, Kernel          uint64
	PerCPU, PerUser, PerKernel   []uint64 // version 1 only
	Periods, Throttled, WaitTime uint64   // enforced periods, those in which the quota ran out, and how long it held up
	Pressure                     Pressure
}

// Counter is a resource that is charged: in bytes.
type Counter struct {
	Usage, Peak, Limit uint64
	Fails              uint64 // how often the limit was met
}

// Memory counts memory.
type Memory struct {
	Usage Counter
	// Swap is memory and swap together, as in OCI and in version 1.
	Swap                Counter
	Kernel, KernelTCP   Counter           // version 1 only, and of no use to new kernels
	Stat                map[string]uint64 // memory.stat, whose keys differ between the versions
	OOMKills, OOMEvents uint64            // processes killed; how often it came to that (version 2)
	Pressure            Pressure
}

// Cache is what of memory is only there because nobody needs it: of files.
func (m Memory) Cache() uint64 {
	if n, ok := m.Stat["cache"]; ok {
		return n
	}
	return m.Stat["file"]
}

// Pids counts tasks; without a limit that is 0.
type Pids struct{ Current, Limit uint64 }

// Block is what was read from and written to devices.
type Block struct {
	Bytes, Ops []Device
	Pressure   Pressure
}

// Device is one counter of one device. Op is Read, Write or Discard; version 1 has
// Sync, Async and Total too.
type Device struct {
	Major, Minor uint64
	Op           string
	Value        uint64
}

// Huge counts huge pages that are used, and that are reserved.
type Huge struct {
	Counter
	Reserved Counter
}

// RDMA counts handles and objects of a device.
type RDMA struct{ Handles, Objects, HandleLimit, ObjectLimit uint64 }

// Pressure is what waits for a resource. Counted says whether the kernel looks.
type Pressure struct {
	Counted    bool
	Some, Full Stall
}

// Stall is the share of time (in percent, over 10, 60 and 300 seconds) in which some or all
// tasks waited, and the time since the group was made, in microseconds.
type Stall struct {
	Avg10, Avg60, Avg300 float64
	Total                uint64
}

// Of reads a group. One that is gone uses nothing.
func Of(g *cgroup.Group) Stats {
	r := reader{where: g.Place}
	if tree, ok := g.Tree(); ok {
		r.tree = tree.Dir
	}
	return r.read()
}
