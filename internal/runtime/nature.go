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

// nature compiles what the kernel is to think of a process.
type nature struct {
	*builder
	spec *specs.Process
}

// early gives the process what takes the host's rights, or files of the host's /proc.
func (n nature) early(have Modules) {
	n.oomScore()
	n.label(have)
	n.scheduler()
	n.ioPriority()
}

// oomScore sets how gladly the kernel kills the container.
func (n nature) oomScore() {
	if n.spec.OOMScoreAdj == nil {
		return
	}
	file := n.add("open oom_score_adj", "the host's /proc can still be seen", unix.SYS_OPENAT,
		program.Imm(cwd), program.Str("/proc/self/oom_score_adj"), program.Imm(unix.O_WRONLY|unix.O_CLOEXEC), program.Imm(0))
	n.write("set oom_score_adj", "while privileges last", file, strconv.Itoa(*n.spec.OOMScoreAdj))
	n.close("close oom_score_adj", "it is a file of the host's", program.Res(file))
}

// Modules are the security modules that the host's kernel runs.
type Modules struct{ AppArmor, SELinux bool }

// label sets what the program is to be for the host's security modules. The kernel keeps it until execve.
func (n nature) label(have Modules) {
	if profile := n.spec.ApparmorProfile; profile != "" {
		switch {
		case have.AppArmor:
			n.attribute("AppArmor profile", "/proc/self/attr/apparmor/exec", "exec "+profile)
		case profile != "unconfined":
			n.fail(fault.Unsupported, "apparmor: config provided but apparmor not supported")
		}
	}
	if label := n.spec.SelinuxLabel; label != "" {
		if !have.SELinux {
			n.fail(fault.Unsupported, "selinux label is specified in config, but selinux is disabled or not supported")
		}
		n.attribute("SELinux label", "/proc/self/attr/exec", label)
	}
}

// attribute writes an attribute of the process. The older name of AppArmor's is
// for kernels that cannot have several modules.
func (n nature) attribute(what, file, value string) {
	open := func(file string) int {
		return n.add("open "+attrName(file), "the host's /proc can still be seen, which cannot be faked (CVE-2019-16884)", unix.SYS_OPENAT,
			program.Imm(cwd), program.Str(file), program.Imm(unix.O_WRONLY|unix.O_CLOEXEC), program.Imm(0))
	}
	set := func(fd int) int {
		n.write("set the "+what, "it holds from execve on", fd, value)
		n.close("close "+attrName(file), "it is a file of the host's", program.Res(fd))
		return n.here() - 1
	}
	first := open(file)
	done := set(first)
	if old := "/proc/self/attr/exec"; file != old {
		n.on(first, unix.ENOENT, n.here())
		set(open(old))
		n.okTo(done, n.here())
	}
}

func attrName(file string) string { return strings.TrimPrefix(file, "/proc/self/") }

// scheduler sets the scheduling policy: struct sched_attr of sched_setattr(2).
func (n nature) scheduler() {
	s := n.spec.Scheduler
	if s == nil {
		return
	}
	policies := []specs.LinuxSchedulerPolicy{specs.SchedOther, specs.SchedFIFO, specs.SchedRR, specs.SchedBatch, specs.SchedISO, specs.SchedIdle, specs.SchedDeadline}
	flags := []specs.LinuxSchedulerFlag{
		specs.SchedFlagResetOnFork, specs.SchedFlagReclaim, specs.SchedFlagDLOverrun, specs.SchedFlagKeepPolicy,
		specs.SchedFlagKeepParams, specs.SchedFlagUtilClampMin, specs.SchedFlagUtilClampMax,
	}
	policy := index(n.builder, "scheduler policy", s.Policy, policies)
	var set uint64
	for _, f := range s.Flags {
		set |= 1 << index(n.builder, "scheduler flag", f, flags)
	}
	switch realtime := s.Policy == specs.SchedFIFO || s.Policy == specs.SchedRR; {
	case s.Nice < -20 || s.Nice > 19:
		n.fail(fault.Invalid, "invalid scheduler.nice: %d", s.Nice)
	case s.Priority != 0 && !realtime:
		n.fail(fault.Invalid, "scheduler.priority can only be specified for SchedFIFO or SchedRR policy")
	case s.Policy != specs.SchedDeadline && (s.Runtime != 0 || s.Deadline != 0 || s.Period != 0):
		n.fail(fault.Invalid, "scheduler runtime/deadline/period can only be specified for SchedDeadline policy")
	}
	attr := binary.NativeEndian.AppendUint32(nil, unix.SizeofSchedAttr)
	attr = binary.NativeEndian.AppendUint32(attr, uint32(policy))
	attr = binary.NativeEndian.AppendUint64(attr, set)
	attr = binary.NativeEndian.AppendUint32(attr, uint32(s.Nice))
	attr = binary.NativeEndian.AppendUint32(attr, uint32(s.Priority))
	for _, v := range []uint64{s.Runtime, s.Deadline, s.Period, 0} {
		attr = binary.NativeEndian.AppendUint64(attr, v)
	}
	n.add("set the scheduler", "while privileges last", unix.SYS_SCHED_SETATTR, program.Imm(0), program.Bytes(attr), program.Imm(0))
}

// ioPriority sets the priority among those who read and write disks.
func (n nature) ioPriority() {
	io := n.spec.IOPriority
	if io == nil {
		return
	}
	class := 1 + index(n.builder, "I/O priority class", io.Class, []specs.IOPriorityClass{specs.IOPRIO_CLASS_RT, specs.IOPRIO_CLASS_BE, specs.IOPRIO_CLASS_IDLE})
	if io.Priority < 0 || io.Priority > 7 {
		n.fail(fault.Invalid, "The I/O priority %d is not between 0 and 7.", io.Priority)
	}
	const who, shift = 1, 13 // IOPRIO_WHO_PROCESS, IOPRIO_CLASS_SHIFT
	n.add("set the I/O priority", "while privileges last", unix.SYS_IOPRIO_SET, program.Imm(who), program.Imm(0), program.Imm(uint64(class<<shift|io.Priority)))
}

// affinity says on which CPUs the process may run. The kernel narrows it to what the cgroup allows.
func (n nature) affinity(list, why string) {
	if list == "" {
		return
	}
	mask := n.numbers("CPU list", list)
	n.add("set the CPU affinity", why, unix.SYS_SCHED_SETAFFINITY, program.Imm(0), program.Imm(uint64(len(mask))), program.Bytes(mask))
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

func rlimitKinds() map[string]uint64 {
	return map[string]uint64{
		"RLIMIT_CPU": 0, "RLIMIT_FSIZE": 1, "RLIMIT_DATA": 2, "RLIMIT_STACK": 3, "RLIMIT_CORE": 4, "RLIMIT_RSS": 5, "RLIMIT_NPROC": 6, "RLIMIT_NOFILE": 7,
		"RLIMIT_MEMLOCK": 8, "RLIMIT_AS": 9, "RLIMIT_LOCKS": 10, "RLIMIT_SIGPENDING": 11, "RLIMIT_MSGQUEUE": 12, "RLIMIT_NICE": 13, "RLIMIT_RTPRIO": 14, "RLIMIT_RTTIME": 15,
	}
}

func (n nature) rlimits() {
	for _, r := range n.spec.Rlimits {
		n.rlimit(r)
	}
}

// raise sets the limits that only the host's root may raise, but none that is so low
// that the steps which follow could not be taken.
func (n nature) raise() {
	for _, r := range n.spec.Rlimits {
		if r.Type != "RLIMIT_NOFILE" && r.Type != "RLIMIT_CPU" && r.Type != "RLIMIT_FSIZE" || r.Soft >= 1024 {
			n.rlimit(r)
		}
	}
}

func (n nature) rlimit(r specs.POSIXRlimit) {
	kind, ok := rlimitKinds()[r.Type]
	if !ok {
		n.fail(fault.Invalid, "wrong rlimit value: %s", r.Type)
	}
	if r.Soft > r.Hard {
		n.fail(fault.Invalid, "The soft limit of %s is above the hard limit.", r.Type)
	}
	n.add("set "+r.Type, "while privileges last", unix.SYS_PRLIMIT64, program.Imm(0), program.Imm(kind), program.Bytes(words(r.Soft, r.Hard)), program.Imm(0))
}

// Kernel is what an OCI spec's linux section says about processes, beside their process
// section: it holds for those that are executed later, too.
type Kernel struct {
	Personality  *specs.LinuxPersonality
	MemoryPolicy *specs.LinuxMemoryPolicy
}

// kernel sets what the kernel is to be for the process. It comes before the
// seccomp filter, which is right in forbidding to change it.
func (n nature) kernel(k Kernel) {
	if d := k.Personality; d != nil {
		domain := map[specs.LinuxPersonalityDomain]uint64{specs.PerLinux: 0, specs.PerLinux32: 8}
		value, ok := domain[d.Domain]
		if !ok {
			n.fail(fault.Invalid, "The personality %q is unknown.", d.Domain)
		}
		if len(d.Flags) > 0 {
			n.fail(fault.Unsupported, "additional personality flags not supported: %v", d.Flags)
		}
		n.add("set the personality", "before the seccomp filter, which may forbid it", unix.SYS_PERSONALITY, program.Imm(value))
	}
	if k.MemoryPolicy != nil {
		n.memoryPolicy(k.MemoryPolicy)
	}
}

// memoryPolicy says from which nodes memory comes: set_mempolicy(2).
func (n nature) memoryPolicy(m *specs.LinuxMemoryPolicy) {
	mode := index(n.builder, "memory policy", m.Mode, []specs.MemoryPolicyModeType{
		specs.MpolDefault, specs.MpolPreferred, specs.MpolBind, specs.MpolInterleave, specs.MpolLocal, specs.MpolPreferredMany, specs.MpolWeightedInterleave,
	})
	for _, f := range m.Flags {
		mode |= 1 << (13 + index(n.builder, "memory policy flag", f, []specs.MemoryPolicyFlagType{specs.MpolFNumaBalancing, specs.MpolFRelativeNodes, specs.MpolFStaticNodes}))
	}
	nodes, most := program.Imm(0), 0
	if m.Nodes != "" {
		mask := n.numbers("list of memory nodes", m.Nodes)
		for i := 0; i < len(mask); i += 8 {
			if v := binary.NativeEndian.Uint64(mask[i:]); v != 0 {
				most = 8*i + bits.Len64(v) + 1 // the kernel takes one off
			}
		}
		nodes = program.Bytes(mask)
	}
	n.add("set the memory policy", "before the program has any memory", unix.SYS_SET_MEMPOLICY, program.Imm(uint64(mode)), nodes, program.Imm(uint64(most)))
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
