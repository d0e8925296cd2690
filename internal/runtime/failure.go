//go:build linux

package runtime

import (
	"fmt"
	"path"
	"strings"
	"syscall"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/program"
)

const (
	startPrefix = "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: "
	execPrefix  = "OCI runtime exec failed: exec failed: unable to start container process: "
)

// Exit codes of a container that could not be started, which scripts know
// from Docker and from the shell.
const (
	CodeNotExecutable = 126 // found, but it cannot be executed
	CodeNotFound      = 127
	CodeFailed        = 128 // anything else
)

// StartFailure puts the failure of a start program into Docker's words, for
// State.Error, and gives the exit code that the container gets.
func StartFailure(f *program.Failure, spec *specs.Spec) (text string, exitCode int) {
	text, exitCode = explain(f, spec.Process)
	for _, m := range spec.Mounts {
		if f.Name != mountName(m) && f.Name != "take "+m.Source {
			continue
		}
		text = fmt.Sprintf("error mounting %q to rootfs at %q: %s", m.Source, path.Clean(m.Destination), reason(f.Errno))
		if f.Errno == unix.EINVAL || f.Errno == unix.ENOTDIR { // move_mount(2) says EINVAL
			text = fmt.Sprintf("error mounting %q to rootfs at %q: not a directory: Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type", m.Source, path.Clean(m.Destination))
			exitCode = CodeNotFound
		}
		break
	}
	return startPrefix + text, exitCode
}

// ExecFailure does the same for an exec program.
func ExecFailure(f *program.Failure, p *specs.Process) (text string, exitCode int) {
	text, exitCode = explain(f, p)
	return execPrefix + text, exitCode
}

// Transient reports whether the same program may well succeed when it is
// started again: openat2(2) gives up with EAGAIN when something is mounted or
// renamed anywhere on the host while it follows a ".." inside the root.
func Transient(f *program.Failure) bool { return f.Errno == unix.EAGAIN }

// explain is runc's wording of what went wrong with the process itself, and
// Docker's exit code for it.
func explain(f *program.Failure, p *specs.Process) (string, int) {
	file := ""
	if len(p.Args) > 0 {
		file = p.Args[0]
	}
	switch f.Name {
	case nameSearch:
		return fmt.Sprintf("exec: %q: executable file not found in $PATH", file), CodeNotFound
	case nameStat:
		return fmt.Sprintf("exec: %q: stat %s: %s", file, file, reason(f.Errno)), codeOf(f.Errno)
	case nameIsDir:
		return fmt.Sprintf("exec: %q: is a directory", file), CodeNotExecutable
	case nameExec:
		return explainExec(f.Errno, file)
	case nameUser, nameGroup, nameRoot:
		if f.Errno == unix.EINVAL {
			return "cannot set uid to unmapped user in user namespace", CodeFailed
		}
	case nameWorkdir:
		return fmt.Sprintf("chdir to cwd (%q) set in config.json failed: %s", p.Cwd, reason(f.Errno)), codeOf(f.Errno)
	}
	if kind, ok := rlimitKinds()[strings.TrimPrefix(f.Name, "set ")]; ok {
		return fmt.Sprintf("error setting rlimit type %d: %s", kind, reason(f.Errno)), CodeFailed
	}
	return f.Error(), codeOf(f.Errno)
}

func explainExec(errno syscall.Errno, file string) (string, int) {
	switch errno {
	case unix.ENOENT:
		return fmt.Sprintf("exec %s: no such file or directory (the file is there, but its interpreter or loader is not)", file), CodeNotFound
	case unix.ENOEXEC:
		return fmt.Sprintf("exec %s: exec format error", file), CodeNotExecutable
	}
	return fmt.Sprintf("exec: %q: %s", file, reason(errno)), codeOf(errno)
}

func reason(errno syscall.Errno) string {
	if errno == 0 {
		return "the process was killed"
	}
	return errno.Error()
}

// codeOf is what Docker makes of an errno in a failed start.
func codeOf(errno syscall.Errno) int {
	switch errno {
	case unix.ENOENT, unix.ENOTDIR:
		return CodeNotFound
	case unix.EACCES, unix.EISDIR:
		return CodeNotExecutable
	}
	return CodeFailed
}
