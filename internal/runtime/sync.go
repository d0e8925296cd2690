//go:build linux

package runtime

import (
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/linux/netns"
	"berth/internal/program"
)

// Sync is a point of a program at which it tells the holder of the other end of
// the descriptor "sync" how far it is. The descriptor is one end of a pair of
// SOCK_SEQPACKET sockets; the first byte of a packet is the point. At most of them
// the program then waits for an answer: a packet of 16 zero bytes lets it go on,
// anything else and a closed socket make it fail. The other side sets SO_PASSCRED
// and learns the process's ID from SCM_CREDENTIALS.
type Sync byte

// The points, in their order. A program has only those that it needs.
const (
	SyncMap      Sync = 'u' // the user namespace is made: write its uid_map and gid_map, then answer
	SyncRecord   Sync = 'w' // the process is there, and no other point comes at which it waits: write down who it is, then answer
	SyncRuntime  Sync = 'r' // namespaces and mounts are made, the root is not entered: prestart and createRuntime hooks, network devices; then answer
	SyncCreate   Sync = 'c' // the same, in a mount namespace that shows the host's tree and the root at Inputs.Staging: createContainer hooks; then answer
	SyncListener Sync = 'n' // carries the seccomp listener with SCM_RIGHTS; no answer is waited for
	SyncReady    Sync = 'p' // all is done but the wait for "start" and execve; no answer is waited for
)

// Names of steps that tell of a point; what went wrong there is the other side's to say.
const (
	nameMap     = "wait for the ID mappings"
	nameRecord  = "wait until the process is written down"
	nameRuntime = "wait for the createRuntime hooks"
	nameCreate  = "wait for the createContainer hooks"
)

// sync tells of a point and waits for the answer.
func (b *builder) sync(point Sync, wait, why string) {
	b.add("say that it is time: "+string(rune(point)), why, unix.SYS_SENDTO, b.need(FdSync), program.Bytes([]byte{byte(point)}), program.Imm(1),
		program.Imm(unix.MSG_NOSIGNAL), program.Imm(0), program.Imm(0))
	// Nothing is received from a closed socket, which is no error of recvfrom(2). So
	// the answer is a time to sleep, which is invalid until it has come.
	answer := words(^uint64(0), 0)
	b.add(wait, "the other side has work to do", unix.SYS_RECVFROM, b.need(FdSync), program.Bytes(answer), program.Imm(uint64(len(answer))),
		program.Imm(0), program.Imm(0), program.Imm(0))
	b.add(wait, "it fails when the answer is no, or there was none", unix.SYS_CLOCK_NANOSLEEP,
		program.Imm(unix.CLOCK_MONOTONIC), program.Imm(0), program.Bytes(answer), program.Imm(0))
}

// recorded makes sure that somebody has written down who the process is before it
// waits for its start, however long that may be: with nobody left who knows of it, it
// would wait for ever.
func (b *builder) recorded(spec *specs.Spec) {
	if b.has(FdStart) && b.has(FdSync) && !mountsFirst(spec) {
		b.sync(SyncRecord, nameRecord, "it may outlive whoever made it")
	}
}

// hookSyncs are the points between the mounts and the change of the root.
func (b *builder) hookSyncs(spec *specs.Spec) {
	if runtimeSync(spec) {
		b.sync(SyncRuntime, nameRuntime, "the namespaces are there, and the root is not yet entered")
	}
	if spec.Hooks != nil && len(spec.Hooks.CreateContainer) > 0 {
		b.sync(SyncCreate, nameCreate, "what the hooks mount below the root is the container's")
	}
}

func runtimeSync(spec *specs.Spec) bool {
	h := spec.Hooks
	//lint:ignore SA1019 specs may still have prestart hooks, and nothing is ignored
	return h != nil && len(h.Prestart)+len(h.CreateRuntime) > 0 || len(spec.Linux.NetDevices) > 0
}

// mountsFirst reports whether the mounts are made before the root is entered:
// for hooks that look at them, and in a user namespace, where /proc and /sys can be
// mounted only as long as the host's can be seen.
func mountsFirst(spec *specs.Spec) bool {
	return find(spec, specs.UserNamespace) != nil || runtimeSync(spec) || spec.Hooks != nil && len(spec.Hooks.CreateContainer) > 0
}

// checkSync refuses what needs somebody on the other side when there is nobody.
func checkSync(spec *specs.Spec, in Inputs) error {
	here := newBuilder(in.Fds)
	h := spec.Hooks
	if h != nil && !here.has(FdSync) &&
		//lint:ignore SA1019 specs may still have prestart hooks, and nothing is ignored
		len(h.Prestart)+len(h.CreateRuntime)+len(h.CreateContainer)+len(h.StartContainer)+len(h.Poststart)+len(h.Poststop) > 0 {
		return fault.New(fault.Unsupported, "The spec asks for hooks, which are not supported here.")
	}
	if h != nil && len(h.StartContainer) > 0 && !here.has(FdStart) {
		return fault.New(fault.Internal, "The spec's startContainer hooks need the descriptor %q.", FdStart)
	}
	if in.NoMountSetattr && mountsFirst(spec) {
		return fault.New(fault.Unsupported, "Hooks and user namespaces need Linux 5.12.")
	}
	return checkNetDevices(spec, here.has(FdSync))
}

// checkNetDevices looks at the devices that somebody is to move in (linux/netns.Move).
func checkNetDevices(spec *specs.Spec, mover bool) error {
	devices := spec.Linux.NetDevices
	switch {
	case len(devices) == 0:
		return nil
	case find(spec, specs.NetworkNamespace) == nil:
		return fault.New(fault.Invalid, "unable to move network devices without a NET namespace")
	case !mover:
		return fault.New(fault.Unsupported, "The spec asks for network devices, which are not supported here.")
	}
	for name, d := range devices {
		if !netns.ValidName(name) || d.Name != "" && !netns.ValidName(d.Name) {
			return fault.New(fault.Invalid, "invalid network device name %q", name+" "+d.Name)
		}
	}
	return nil
}

// waitForStart makes sure that the program can be executed, says that the
// container is created, and waits until it is to start.
func (p *process) waitForStart() {
	if !p.has(FdStart) {
		return
	}
	seeker{p.builder, p.spec}.checkProgram()
	if p.has(FdSync) {
		// write(2) and read(2), because a seccomp filter without them fits no program.
		p.add("say that it is ready", "only execve can go wrong now", unix.SYS_WRITE, p.moved(FdSync), program.Bytes([]byte{byte(SyncReady)}), program.Imm(1))
	}
	p.add("wait for the start", "somebody writes a byte when it is time", unix.SYS_READ, p.moved(FdStart), program.Bytes(make([]byte, 1)), program.Imm(1))
}
