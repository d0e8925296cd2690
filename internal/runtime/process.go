//go:build linux

package runtime

import (
	"encoding/binary"
	"strconv"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/linux/seccomp"
	"berth/internal/program"
)

// Names of steps that the classification of failures looks for.
const (
	nameWorkdir = "change to the working directory"
	nameUser    = "become the user"
	nameGroup   = "set the group"
)

// process compiles what makes the child the process that it is to be.
type process struct {
	*builder
	spec   *specs.Process
	filter seccomp.Filter // zero when there is none
	places map[string]int // see preserve

	rootless bool // see Inputs.Rootless
	about    Kernel
}

// stdio puts the streams or the terminal in their places.
func (p *process) stdio() {
	names := []string{FdStdin, FdStdout, FdStderr}
	if p.spec.Terminal {
		names = []string{FdPty, FdPty, FdPty}
	}
	for i, name := range names {
		p.add("put "+name+" on "+strconv.Itoa(i), "the program finds it there", unix.SYS_DUP3, p.need(name), program.Imm(uint64(i)), program.Imm(0))
	}
}

// terminal makes the terminal that of the process's session.
func (p *process) terminal() {
	if p.spec.Terminal {
		p.add("take the terminal", "it becomes the session's", unix.SYS_IOCTL, program.Imm(0), program.Imm(unix.TIOCSCTTY), program.Imm(0))
	}
}

// become makes the process what it is to be: limits, capabilities, filter,
// user, working directory.
func (p *process) become() {
	caps, dir := p.bounds()
	if p.spec.NoNewPrivileges {
		p.noNewPrivileges()
	} else {
		p.seccomp("while there is CAP_SYS_ADMIN; with no_new_privs it would be later")
	}
	p.user(dir)
	p.setCaps(caps)
	if p.spec.NoNewPrivileges {
		p.seccomp(lateFilter)
	}
	p.waitForStart()
}

const lateFilter = "as late as possible, so that it need not allow what went before"

// bounds sets what root may still do, and opens what root may still open. It returns the
// capabilities and the step that opens the working directory.
func (p *process) bounds() (capSets, int) {
	umask := uint64(0o022)
	if p.spec.User.Umask != nil {
		umask = uint64(*p.spec.User.Umask)
	}
	p.add("set the umask", "nothing more is made here", unix.SYS_UMASK, program.Imm(umask))
	p.preserve()
	p.add("close the rest on execve", "the program gets its streams and nothing else", unix.SYS_CLOSE_RANGE,
		program.Imm(uint64(p.firstOther())), program.Imm(1<<32-1), program.Imm(unix.CLOSE_RANGE_CLOEXEC))
	caps := p.capabilities()
	dir := p.openWorkdir()
	n := nature{p.builder, p.spec}
	n.kernel(p.about)
	n.rlimits() // nothing is opened after it, so a low RLIMIT_NOFILE does no harm
	p.dropBounding(caps.bounding)
	return caps, dir
}

func (p *process) noNewPrivileges() {
	p.add("set no_new_privs", "no program may gain privileges", unix.SYS_PRCTL,
		program.Imm(unix.PR_SET_NO_NEW_PRIVS), program.Imm(1), program.Imm(0), program.Imm(0), program.Imm(0))
}

// openWorkdir opens the working directory by a path that cannot leave the
// root, before the filter, which may not know openat2(2).
func (p *process) openWorkdir() int {
	open := p.open(nameWorkdir, "by a path that cannot lead out of the root (CVE-2024-21626)", p.spec.Cwd, unix.O_PATH|unix.O_DIRECTORY, inRoot)
	if p.spec.User.UID != 0 {
		p.tolerate(unix.EACCES, unix.EPERM)
	}
	return open
}

// user changes to the user and the working directory. The directory comes
// first, because root may enter what the user may not; where root itself
// may not (NFS with root_squash), the user tries again. runc does the same.
func (p *process) user(dir int) {
	enter := p.add(nameWorkdir, "before the user changes: root may enter more", unix.SYS_FCHDIR, program.Res(dir))
	if p.spec.User.UID == 0 {
		p.ids()
		return
	}
	p.add("keep capabilities", "the change of user would lose them before they are set", unix.SYS_PRCTL, program.Imm(unix.PR_SET_KEEPCAPS), program.Imm(1), program.Imm(0), program.Imm(0), program.Imm(0))
	done := p.ids()
	for _, errno := range []unix.Errno{unix.EACCES, unix.EPERM, unix.EBADF} {
		p.on(enter, errno, p.here())
	}
	p.add("keep capabilities", "the change of user would lose them before they are set", unix.SYS_PRCTL, program.Imm(unix.PR_SET_KEEPCAPS), program.Imm(1), program.Imm(0), program.Imm(0), program.Imm(0))
	p.ids()
	again := p.open(nameWorkdir, "root was not let in; perhaps the user is", p.spec.Cwd, unix.O_PATH|unix.O_DIRECTORY, inRoot)
	p.add(nameWorkdir, "root was not let in; perhaps the user is", unix.SYS_FCHDIR, program.Res(again))
	p.okTo(done, p.here())
}

// ids changes groups and user; it returns the last step.
func (p *process) ids() int {
	var groups []byte
	for _, g := range p.spec.User.AdditionalGids {
		groups = binary.NativeEndian.AppendUint32(groups, g)
	}
	uid, gid := program.Imm(uint64(p.spec.User.UID)), program.Imm(uint64(p.spec.User.GID))
	if !p.rootless {
		p.groups(groups)
	} else if len(groups) > 0 {
		p.fail(fault.Invalid, "cannot set any additional groups in a rootless container")
	}
	p.add(nameGroup, "a user without privileges cannot", unix.SYS_SETRESGID, gid, gid, gid)
	return p.add(nameUser, "the last thing that needs to be root", unix.SYS_SETRESUID, uid, uid, uid)
}

func (p *process) groups(groups []byte) {
	p.add("set the groups", "the engine's own are gone", unix.SYS_SETGROUPS, program.Imm(uint64(len(p.spec.User.AdditionalGids))), program.Bytes(groups))
}

// seccomp loads the filter.
func (p *process) seccomp(why string) {
	if len(p.filter.Bytes) == 0 {
		return
	}
	prog := program.Refer(words(uint64(p.filter.Len()), 0), program.Ref{Offset: 8, Arg: program.Bytes(p.filter.Bytes)}) // struct sock_fprog
	load := p.add("load the seccomp filter", why, unix.SYS_SECCOMP, program.Imm(unix.SECCOMP_SET_MODE_FILTER), program.Imm(uint64(p.filter.Flags)), prog)
	if p.filter.Listener {
		p.sendListener(load)
	}
}

// sendListener hands over the descriptor at which somebody answers for the
// filter. Nothing is waited for: calls wait for their answers by themselves.
func (p *process) sendListener(load int) {
	if !p.has(FdSync) {
		p.fail(fault.Unsupported, "SCMP_ACT_NOTIFY is not supported here: there is nobody to take the listener.")
		return
	}
	if !p.filter.Allows(unix.SYS_SENDMSG) {
		p.fail(fault.Invalid, "The seccomp profile uses SCMP_ACT_NOTIFY and forbids sendmsg, with which its listener is handed over.")
	}
	// struct msghdr with one struct iovec, and a struct cmsghdr with one descriptor.
	vector := program.Refer(words(0, 1), program.Ref{Offset: 0, Arg: program.Bytes([]byte{byte(SyncListener)})})
	control := binary.NativeEndian.AppendUint64(nil, unix.SizeofCmsghdr+4)
	control = binary.NativeEndian.AppendUint32(control, unix.SOL_SOCKET)
	control = binary.NativeEndian.AppendUint32(control, unix.SCM_RIGHTS)
	rights := program.Refer(append(control, make([]byte, 8)...), program.Ref{Offset: unix.SizeofCmsghdr, Arg: program.Res(load)})
	message := program.Refer(words(0, 0, 0, 1, 0, unix.SizeofCmsghdr+8, 0),
		program.Ref{Offset: 16, Arg: vector}, program.Ref{Offset: 32, Arg: rights})
	p.add("hand over the seccomp listener", "somebody answers for the filter from now on", unix.SYS_SENDMSG, p.moved(FdSync), message, program.Imm(unix.MSG_NOSIGNAL))
}
