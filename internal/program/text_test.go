package program

import (
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestTextShowsEveryStepAndWhereItGoesOn(t *testing.T) {
	p := New()
	p.Clone.Flags = unix.CLONE_NEWNS | unix.CLONE_NEWPID
	p.Clone.Cgroup = p.AddFd("cgroup")
	root := p.AddFd("rootfs")
	open := p.Add(Step{
		Name: "open", Why: "masks lie under it", Call: unix.SYS_OPENAT,
		Args:   [6]Arg{Fd(root), Str("proc"), Imm(unix.O_PATH | unix.O_CLOEXEC), Imm(0)},
		OnErr:  []OnErr{{syscall.ENOENT, 1}, {syscall.ENOTDIR, 0}},
		SkipOK: 2,
	})
	p.Add(Step{Name: "private", Call: unix.SYS_MOUNT, Args: [6]Arg{Imm(0), Str("/"), Imm(0), Imm(unix.MS_REC | unix.MS_PRIVATE), Imm(0)}})
	p.Add(Step{Name: "device", Call: unix.SYS_MKNODAT, Args: [6]Arg{Imm(1<<64 - 100), Str("null"), Imm(0o20666), Imm(0x103)}})
	p.Add(Step{Name: "move", Call: unix.SYS_MOVE_MOUNT, Args: [6]Arg{Res(open), Str(""), Res(open), Str("a\nb"), Imm(unix.MOVE_MOUNT_F_EMPTY_PATH)}})
	filter := Refer(make([]byte, 16), Ref{Offset: 8, Arg: Bytes(make([]byte, 800))})
	p.Add(Step{Name: "seccomp", Call: unix.SYS_SECCOMP, Args: [6]Arg{Imm(1), Imm(0), filter}})
	p.Add(Step{Name: "odd", Call: 9999, Args: [6]Arg{0: Imm(1), 2: Imm(1 << 40)}})
	p.Add(Step{Name: "run", Call: unix.SYS_EXECVE, Args: [6]Arg{Str("/bin/sh"), Vec([]string{"sh", "-c", "a b"}), Vec(nil)}})
	const want = `clone NEWNS|NEWPID, cgroup fd 0 (cgroup)
1. open     openat(fd 1 (rootfs), "proc", CLOEXEC|PATH, 0) ENOENT: to 3 ENOTDIR: to 2 ok: to 4   # masks lie under it
2. private  mount(0, "/", 0, REC|PRIVATE, 0)
3. device   mknodat(AT_FDCWD, "null", 020666, 259)
4. move     move_mount($1, "", $1, "a\nb", F_EMPTY_PATH)
5. seccomp  seccomp(SET_MODE_FILTER, 0, {00000000000000000000000000000000 @8={800 bytes 47a88045}})
6. odd      syscall 9999(1, 0, 0x10000000000)
7. run      execve("/bin/sh", ["sh" "-c" "a b"], [])
`
	if got := p.Text(); got != want {
		t.Errorf("it reads\n%s", got)
	}
}
