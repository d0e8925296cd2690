//go:build linux

package runtime

import (
	"encoding/binary"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/program"
)

// builder collects steps. The first error sticks and ends up as Compile's.
type builder struct {
	prog *program.Program
	err  error
}

// cwd is AT_FDCWD. Once the root has been changed and until the very end, the
// working directory is the container's root, so it also stands for that.
const cwd = 0xffffffffffffff9c

const mountAttrSize = 32 // of struct mount_attr

func newBuilder(fds []string) *builder {
	b := &builder{prog: program.New()}
	for _, name := range fds {
		b.prog.AddFd(name)
	}
	return b
}

func (b *builder) fail(kind fault.Kind, format string, args ...any) {
	if b.err == nil {
		b.err = fault.New(kind, format, args...)
	}
}

// fd is the index of a descriptor, or -1 when it does not travel.
func (b *builder) fd(name string) int { return slices.Index(b.prog.Fds, name) }

func (b *builder) has(name string) bool { return b.fd(name) >= 0 }

// need is the descriptor as an argument; it is an error when it is not there.
func (b *builder) need(name string) program.Arg {
	i := b.fd(name)
	if i < 0 {
		b.fail(fault.Internal, "The program needs the descriptor %q.", name)
		return program.Imm(^uint64(0))
	}
	return program.Fd(i)
}

// here is the index that the next step gets.
func (b *builder) here() int { return len(b.prog.Steps) }

func (b *builder) add(name, why string, call uintptr, args ...program.Arg) int {
	s := program.Step{Name: name, Why: why, Call: call}
	copy(s.Args[:], args)
	for _, a := range args {
		if a.Kind == program.Pointer && len(a.Memory.Data) > 4096 && call != unix.SYS_SECCOMP {
			b.fail(fault.Invalid, "%s: the argument is longer than 4,096 bytes.", name)
		}
	}
	return b.prog.Add(s)
}

// on makes errno an expected result of a step that goes on at step to.
func (b *builder) on(step int, errno syscall.Errno, to int) {
	s := &b.prog.Steps[step]
	s.OnErr = append(s.OnErr, program.OnErr{Errno: errno, Skip: to - step - 1})
}

// tolerate makes errnos of the latest step as good as success.
func (b *builder) tolerate(errnos ...syscall.Errno) {
	step := b.here() - 1
	for _, e := range errnos {
		b.on(step, e, step+1)
	}
}

// okTo makes a success of a step go on at step to.
func (b *builder) okTo(step, to int) { b.prog.Steps[step].SkipOK = to - step - 1 }

// pathArg is a path as an argument.
func (b *builder) pathArg(path string) program.Arg {
	if strings.IndexByte(path, 0) >= 0 {
		b.fail(fault.Invalid, "The path %q has a NUL byte in it.", path)
	}
	return program.Str(path)
}

// How openat2(2) may resolve a path inside the container.
const (
	// inRoot: the container's root is as far as ".." and absolute symbolic links lead, and
	// links of /proc that jump out of it (/proc/self/fd/7) do not work.
	inRoot = unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS
	// noLinks is for what the engine itself mounts: an image whose /proc is a
	// symbolic link must fail, not redirect (CVE-2019-16884, CVE-2025-52565).
	noLinks = inRoot | unix.RESOLVE_NO_SYMLINKS
)

// open opens a path below the container's root.
func (b *builder) open(name, why, path string, flags int, resolve uint64) int {
	return b.add(name, why, unix.SYS_OPENAT2, program.Imm(cwd), b.pathArg(path), how(flags, 0, resolve), program.Imm(unix.SizeofOpenHow))
}

// how is a struct open_how.
func how(flags int, mode, resolve uint64) program.Arg {
	return program.Bytes(words(uint64(flags|unix.O_CLOEXEC), mode, resolve))
}

// words is an array of 64 bit integers as the kernel reads it.
func words(list ...uint64) []byte {
	var out []byte
	for _, v := range list {
		out = binary.NativeEndian.AppendUint64(out, v)
	}
	return out
}

// write writes text to a file that an earlier step has opened.
func (b *builder) write(name, why string, file int, text string) int {
	return b.add(name, why, unix.SYS_WRITE, program.Res(file), program.Bytes([]byte(text)), program.Imm(uint64(len(text))))
}

// setattr changes a mount that an earlier step has opened or made.
// attr is a struct mount_attr without its last field.
func (b *builder) setattr(name, why string, tree program.Arg, recursive bool, attr mountAttr) int {
	flags := uint64(unix.AT_EMPTY_PATH)
	if recursive {
		flags |= unix.AT_RECURSIVE
	}
	return b.add(name, why, unix.SYS_MOUNT_SETATTR, tree, program.Str(""), program.Imm(flags),
		program.Bytes(words(attr.set, attr.clear, attr.propagation, 0)), program.Imm(mountAttrSize))
}

type mountAttr struct{ set, clear, propagation uint64 }

// move attaches a detached mount to what an earlier step has opened.
func (b *builder) move(name, why string, tree, target program.Arg) int {
	return b.add(name, why, unix.SYS_MOVE_MOUNT, tree, program.Str(""), target, program.Str(""),
		program.Imm(unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH))
}

func (b *builder) close(name, why string, fd program.Arg) { b.add(name, why, unix.SYS_CLOSE, fd) }
