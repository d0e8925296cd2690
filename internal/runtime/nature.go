//go:build linux

package runtime

import (
	"encoding/binary"
	"math/bits"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/program"
)

// early gives the process what takes the host's rights, or files of the host's /proc.
func (p *process) early(have Modules) {
	p.oomScore()
	p.label(have)
	p.scheduler()
	p.ioPriority()
}

// Modules are the security modules that the host's kernel runs.
type Modules struct{ AppArmor, SELinux bool }

// label sets what the program is to be for the host's security modules. The kernel keeps it until execve.
func (p *process) label(have Modules) {
	if profile := p.spec.ApparmorProfile; profile != "" {
		switch {
		case have.AppArmor:
			p.attribute("AppArmor profile", "/proc/self/attr/apparmor/exec", "exec "+profile)
		case profile != "unconfined":
			p.fail(fault.Unsupported, "apparmor: config provided but apparmor not supported")
		}
	}
	if label := p.spec.SelinuxLabel; label != "" {
		if !have.SELinux {
			p.fail(fault.Unsupported, "selinux label is specified in config, but selinux is disabled or not supported")
		}
		p.attribute("SELinux label", "/proc/self/attr/exec", label)
	}
}

// attribute writes an attribute of the process. The older name of AppArmor's is
// for kernels that cannot have several modules.
func (p *process) attribute(what, file, value string) {
	open := func(file string) int {
		return p.add("open "+attrName(file), "the host's /proc can still be seen, which cannot be faked (CVE-2019-16884)", unix.SYS_OPENAT,
			program.Imm(cwd), program.Str(file), program.Imm(unix.O_WRONLY|unix.O_CLOEXEC), program.Imm(0))
	}
	set := func(fd int) int {
		p.write("set the "+what, "it holds from execve on", fd, value)
		p.close("close "+attrName(file), "it is a file of the host's", program.Res(fd))
		return p.here() - 1
	}
	first := open(file)
	done := set(first)
	if old := "/proc/self/attr/exec"; file != old {
		p.on(first, unix.ENOENT, p.here())
		set(open(old))
		p.okTo(done, p.here())
	}
}

func attrName(file string) string { return strings.TrimPrefix(file, "/proc/self/") }

// scheduler sets the scheduling policy: struct sched_attr of sched_setattr(2).
func (p *process) scheduler() {
	s := p.spec.Scheduler
	if s == nil {
		return
	}
	policies := []specs.LinuxSchedulerPolicy{specs.SchedOther, specs.SchedFIFO, specs.SchedRR, specs.SchedBatch, specs.SchedISO, specs.SchedIdle, specs.SchedDeadline}
	flags := []specs.LinuxSchedulerFlag{
		specs.SchedFlagResetOnFork, specs.SchedFlagReclaim, specs.SchedFlagDLOverrun, specs.SchedFlagKeepPolicy,
		specs.SchedFlagKeepParams, specs.SchedFlagUtilClampMin, specs.SchedFlagUtilClampMax,
	}
	policy := index(p.builder, "scheduler policy", s.Policy, policies)
	var set uint64
	for _, f := range s.Flags {
		set |= 1 << index(p.builder, "scheduler flag", f, flags)
	}
	switch realtime := s.Policy == specs.SchedFIFO || s.Policy == specs.SchedRR; {
	case s.Nice < -20 || s.Nice > 19:
		p.fail(fault.Invalid, "invalid scheduler.nice: %d", s.Nice)
	case s.Priority != 0 && !realtime:
		p.fail(fault.Invalid, "scheduler.priority can only be specified for SchedFIFO or SchedRR policy")
	case s.Policy != specs.SchedDeadline && (s.Runtime != 0 || s.Deadline != 0 || s.Period != 0):
		p.fail(fault.Invalid, "scheduler runtime/deadline/period can only be specified for SchedDeadline policy")
	}
	attr := binary.NativeEndian.AppendUint32(nil, unix.SizeofSchedAttr)
	attr = binary.NativeEndian.AppendUint32(attr, uint32(policy))
	attr = binary.NativeEndian.AppendUint64(attr, set)
	attr = binary.NativeEndian.AppendUint32(attr, uint32(s.Nice))
	attr = binary.NativeEndian.AppendUint32(attr, uint32(s.Priority))
	for _, v := range []uint64{s.Runtime, s.Deadline, s.Period, 0} {
		attr = binary.NativeEndian.AppendUint64(attr, v)
	}
	p.add("set the scheduler", "while privileges last", unix.SYS_SCHED_SETATTR, program.Imm(0), program.Bytes(attr), program.Imm(0))
}

// ioPriority sets the priority among those who read and write disks.
func (p *process) ioPriority() {
	io := p.spec.IOPriority
	if io == nil {
		return
	}
	class := 1 + index(p.builder, "I/O priority class", io.Class, []specs.IOPriorityClass{specs.IOPRIO_CLASS_RT, specs.IOPRIO_CLASS_BE, specs.IOPRIO_CLASS_IDLE})
	if io.Priority < 0 || io.Priority > 7 {
		p.fail(fault.Invalid, "The I/O priority %d is not between 0 and 7.", io.Priority)
	}
	const who, shift = 1, 13 // IOPRIO_WHO_PROCESS, IOPRIO_CLASS_SHIFT
	p.add("set the I/O priority", "while privileges last", unix.SYS_IOPRIO_SET, program.Imm(who), program.Imm(0), program.Imm(uint64(class<<shift|io.Priority)))
}

// affinity says on which CPUs the process may run. The kernel narrows it to what the cgroup allows.
func (p *process) affinity(list, why string) {
	if list == "" {
		return
	}
	mask := p.numbers("CPU list", list)
	p.add("set the CPU affinity", why, unix.SYS_SCHED_SETAFFINITY, program.Imm(0), program.Imm(uint64(len(mask))), program.Bytes(mask))
}

// maxNumber is more than any CPU or memory node has.
const maxNumber = 8191

// numbers reads "0-3,7" as a bit set in the kernel's form.
func (b *builder) numbers(what, list string) []byte {
	set := make([]uint64, 1)
	for _, part := range strings.Split(list, ",") {
		low, high, isRange := strings.Cut(strings.TrimSpace(part), "-")
		if !isRange {
			high = low
		}
		first, err := strconv.ParseUint(low, 10, 32)
		last, err2 := strconv.ParseUint(high, 10, 32)
		if err != nil || err2 != nil || first > last || last > maxNumber {
			b.fail(fault.Invalid, "The %s %q cannot be read.", what, list)
			return make([]byte, 8)
		}
		for i := first; i <= last; i++ {
			for int(i/64) >= len(set) {
				set = append(set, 0)
			}
			set[i/64] |= 1 << (i % 64)
		}
	}
	return words(set...)
}

// Kernel is what an OCI spec's linux section says about processes, beside their process
// section: it holds for those that are executed later, too.
type Kernel struct {
	Personality  *specs.LinuxPersonality
	MemoryPolicy *specs.LinuxMemoryPolicy
}

// kernel sets what the kernel is to be for the process. It comes before the
// seccomp filter, which is right in forbidding to change it.
func (p *process) kernel(k Kernel) {
	if d := k.Personality; d != nil {
		domain := map[specs.LinuxPersonalityDomain]uint64{specs.PerLinux: 0, specs.PerLinux32: 8}
		value, ok := domain[d.Domain]
		if !ok {
			p.fail(fault.Invalid, "The personality %q is unknown.", d.Domain)
		}
		if len(d.Flags) > 0 {
			p.fail(fault.Unsupported, "additional personality flags not supported: %v", d.Flags)
		}
		p.add("set the personality", "before the seccomp filter, which may forbid it", unix.SYS_PERSONALITY, program.Imm(value))
	}
	if k.MemoryPolicy != nil {
		p.memoryPolicy(k.MemoryPolicy)
	}
}

// memoryPolicy says from which nodes memory comes: set_mempolicy(2).
func (p *process) memoryPolicy(m *specs.LinuxMemoryPolicy) {
	mode := index(p.builder, "memory policy", m.Mode, []specs.MemoryPolicyModeType{
		specs.MpolDefault, specs.MpolPreferred, specs.MpolBind, specs.MpolInterleave, specs.MpolLocal, specs.MpolPreferredMany, specs.MpolWeightedInterleave,
	})
	for _, f := range m.Flags {
		mode |= 1 << (13 + index(p.builder, "memory policy flag", f, []specs.MemoryPolicyFlagType{specs.MpolFNumaBalancing, specs.MpolFRelativeNodes, specs.MpolFStaticNodes}))
	}
	nodes, most := program.Imm(0), 0
	if m.Nodes != "" {
		mask := p.numbers("list of memory nodes", m.Nodes)
		for i := 0; i < len(mask); i += 8 {
			if v := binary.NativeEndian.Uint64(mask[i:]); v != 0 {
				most = 8*i + bits.Len64(v) + 1 // the kernel takes one off
			}
		}
		nodes = program.Bytes(mask)
	}
	p.add("set the memory policy", "before the program has any memory", unix.SYS_SET_MEMPOLICY, program.Imm(uint64(mode)), nodes, program.Imm(uint64(most)))
}

// index is where a name stands in a list; it is an error when it does not.
func index[T ~string](b *builder, what string, name T, list []T) int {
	for i, n := range list {
		if n == name {
			return i
		}
	}
	b.fail(fault.Invalid, "unknown %s: %q", what, string(name))
	return 0
}
