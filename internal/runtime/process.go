//go:build linux

package runtime

import (
	"encoding/binary"
	"path"
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
)

// oomScore sets how gladly the kernel kills the container.
func (b *builder) oomScore(p *specs.Process) {
	if p.OOMScoreAdj == nil {
		return
	}
	file := b.add("open oom_score_adj", "the host's /proc can still be seen", unix.SYS_OPENAT,
		program.Imm(cwd), program.Str("/proc/self/oom_score_adj"), program.Imm(unix.O_WRONLY|unix.O_CLOEXEC), program.Imm(0))
	b.write("set oom_score_adj", "while privileges last", file, strconv.Itoa(*p.OOMScoreAdj))
	b.close("close oom_score_adj", "it is a file of the host's", program.Res(file))
}

// workdir makes the working directory when the image lacks it.
func (m *mounter) workdir() {
	at := mountpoint{path: path.Clean(m.spec.Process.Cwd), resolve: inRoot}
	if at.path == "/" {
		return
	}
	open := m.open("find the working directory", "it is made when it is not there", at.path, unix.O_PATH, at.resolve)
	m.on(open, unix.EACCES, open+1)
	m.on(open, unix.ENOENT, open+1)
	dir, name := m.parents(at)
	m.mkdir(dir, name, at.path)
	m.tolerate(unix.EACCES)
	m.okTo(open, m.here())
}

// stdio puts the streams or the terminal in their places.
func (b *builder) stdio(p *specs.Process) {
	names := []string{FdStdin, FdStdout, FdStderr}
	if p.Terminal {
		names = []string{FdPty, FdPty, FdPty}
	}
	for i, name := range names {
		b.add("put "+name+" on "+strconv.Itoa(i), "the program finds it there", unix.SYS_DUP3, b.need(name), program.Imm(uint64(i)), program.Imm(0))
	}
	if p.Terminal {
		b.add("take the terminal", "it becomes the session's", unix.SYS_IOCTL, program.Imm(0), program.Imm(unix.TIOCSCTTY), program.Imm(0))
	}
}

// become makes the process what it is to be: limits, capabilities, filter,
// user, working directory.
func (b *builder) become(p *specs.Process, filter seccomp.Filter) {
	umask := uint64(0o022)
	if p.User.Umask != nil {
		umask = uint64(*p.User.Umask)
	}
	b.add("set the umask", "nothing more is made here", unix.SYS_UMASK, program.Imm(umask))
	b.add("close the rest on execve", "the program gets its streams and nothing else", unix.SYS_CLOSE_RANGE,
		program.Imm(3), program.Imm(1<<32-1), program.Imm(unix.CLOSE_RANGE_CLOEXEC))
	caps := b.capabilities(p)
	dir := b.openWorkdir(p)
	b.rlimits(p) // nothing is opened after it, so a low RLIMIT_NOFILE does no harm
	b.dropBounding(caps.bounding)
	if p.NoNewPrivileges {
		b.add("set no_new_privs", "no program may gain privileges", unix.SYS_PRCTL,
			program.Imm(unix.PR_SET_NO_NEW_PRIVS), program.Imm(1), program.Imm(0), program.Imm(0), program.Imm(0))
	} else {
		b.seccomp(filter, "while there is CAP_SYS_ADMIN; with no_new_privs it would be later")
	}
	b.user(p, dir)
	b.setCaps(caps)
	if p.NoNewPrivileges {
		b.seccomp(filter, "as late as possible, so that it need not allow what went before")
	}
}

func (b *builder) rlimits(p *specs.Process) {
	kinds := map[string]uint64{
		"RLIMIT_CPU": 0, "RLIMIT_FSIZE": 1, "RLIMIT_DATA": 2, "RLIMIT_STACK": 3, "RLIMIT_CORE": 4, "RLIMIT_RSS": 5, "RLIMIT_NPROC": 6, "RLIMIT_NOFILE": 7,
		"RLIMIT_MEMLOCK": 8, "RLIMIT_AS": 9, "RLIMIT_LOCKS": 10, "RLIMIT_SIGPENDING": 11, "RLIMIT_MSGQUEUE": 12, "RLIMIT_NICE": 13, "RLIMIT_RTPRIO": 14, "RLIMIT_RTTIME": 15,
	}
	for _, r := range p.Rlimits {
		kind, ok := kinds[r.Type]
		if !ok {
			b.fail(fault.Invalid, "wrong rlimit value: %s", r.Type)
		}
		if r.Soft > r.Hard {
			b.fail(fault.Invalid, "The soft limit of %s is above the hard limit.", r.Type)
		}
		b.add("set "+r.Type, "while privileges last", unix.SYS_PRLIMIT64, program.Imm(0), program.Imm(kind), program.Bytes(words(r.Soft, r.Hard)), program.Imm(0))
	}
}

// openWorkdir opens the working directory by a path that cannot leave the
// root, before the filter, which may not know openat2(2).
func (b *builder) openWorkdir(p *specs.Process) int {
	open := b.open(nameWorkdir, "by a path that cannot lead out of the root (CVE-2024-21626)", p.Cwd, unix.O_PATH|unix.O_DIRECTORY, inRoot)
	if p.User.UID != 0 {
		b.tolerate(unix.EACCES, unix.EPERM)
	}
	return open
}

// user changes to the user and the working directory. The directory comes
// first, because root may enter what the user may not; where root itself
// may not (NFS with root_squash), the user tries again. runc does the same.
func (b *builder) user(p *specs.Process, dir int) {
	enter := b.add(nameWorkdir, "before the user changes: root may enter more", unix.SYS_FCHDIR, program.Res(dir))
	if p.User.UID == 0 {
		b.ids(p)
		return
	}
	b.add("keep capabilities", "the change of user would lose them before they are set", unix.SYS_PRCTL, program.Imm(unix.PR_SET_KEEPCAPS), program.Imm(1), program.Imm(0), program.Imm(0), program.Imm(0))
	done := b.ids(p)
	for _, errno := range []unix.Errno{unix.EACCES, unix.EPERM, unix.EBADF} {
		b.on(enter, errno, b.here())
	}
	b.add("keep capabilities", "the change of user would lose them before they are set", unix.SYS_PRCTL, program.Imm(unix.PR_SET_KEEPCAPS), program.Imm(1), program.Imm(0), program.Imm(0), program.Imm(0))
	b.ids(p)
	again := b.open(nameWorkdir, "root was not let in; perhaps the user is", p.Cwd, unix.O_PATH|unix.O_DIRECTORY, inRoot)
	b.add(nameWorkdir, "root was not let in; perhaps the user is", unix.SYS_FCHDIR, program.Res(again))
	b.okTo(done, b.here())
}

// ids changes groups and user; it returns the last step.
func (b *builder) ids(p *specs.Process) int {
	var groups []byte
	for _, g := range p.User.AdditionalGids {
		groups = binary.NativeEndian.AppendUint32(groups, g)
	}
	uid, gid := program.Imm(uint64(p.User.UID)), program.Imm(uint64(p.User.GID))
	b.add("set the groups", "the engine's own are gone", unix.SYS_SETGROUPS, program.Imm(uint64(len(p.User.AdditionalGids))), program.Bytes(groups))
	b.add("set the group", "a user without privileges cannot", unix.SYS_SETRESGID, gid, gid, gid)
	return b.add(nameUser, "the last thing that needs to be root", unix.SYS_SETRESUID, uid, uid, uid)
}

// seccomp loads the filter.
func (b *builder) seccomp(filter seccomp.Filter, why string) {
	if len(filter.Bytes) == 0 {
		return
	}
	prog := program.Bytes(words(uint64(filter.Len()), 0)) // struct sock_fprog
	prog.Refs = []program.Ref{{Offset: 8, Arg: program.Bytes(filter.Bytes)}}
	b.add("load the seccomp filter", why, unix.SYS_SECCOMP, program.Imm(unix.SECCOMP_SET_MODE_FILTER), program.Imm(uint64(filter.Flags)), prog)
}
