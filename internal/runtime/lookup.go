//go:build linux

package runtime

import (
	"path"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/program"
)

// seeker compiles the search for a process's program.
type seeker struct {
	*builder
	spec *specs.Process
}

// checkProgram fails as execute will, if it will, while `create` can still say
// so. A seccomp filter may forbid to look; then execve has to tell.
func (s seeker) checkProgram() {
	probe := s.access("see if looking is allowed", "a seccomp filter may forbid it", "/", unix.F_OK)
	if strings.Contains(s.spec.Args[0], "/") {
		s.checkPath(s.spec.Args[0])
	} else {
		s.checkSearch()
	}
	for _, errno := range []unix.Errno{unix.EPERM, unix.ENOSYS, unix.EACCES} {
		s.on(probe, errno, s.here())
	}
}

// checkPath looks at one file as exec.LookPath does.
func (s seeker) checkPath(file string) {
	s.access(nameStat, "before the container is said to be created", file, unix.F_OK)
	dir := s.inside(file)
	s.add(nameIsDir, "it always fails: it is one", unix.SYS_TRUNCATE, program.Str("/"), program.Imm(0))
	s.on(dir, unix.ENOTDIR, s.here())
	s.on(dir, unix.EACCES, s.here())
	s.access(nameExec, "as the user that it will be", file, unix.X_OK)
}

// checkSearch looks for a file in PATH.
func (s seeker) checkSearch() {
	var found []int
	for _, candidate := range s.candidates() {
		access := s.access("look for "+candidate, "before the container is said to be created", candidate, unix.X_OK)
		dir := s.inside(candidate)
		for _, errno := range []unix.Errno{unix.ENOENT, unix.ENOTDIR, unix.EACCES} {
			s.on(access, errno, s.here())
		}
		s.okTo(dir, s.here())
		s.on(dir, unix.EACCES, s.here())
		found = append(found, dir)
	}
	s.add(nameSearch, "it always fails: there is no such file", unix.SYS_EXECVE, s.pathArg(""), program.Vec(s.spec.Args), program.Vec(nil))
	for _, step := range found {
		s.on(step, unix.ENOTDIR, s.here())
	}
}

// candidates are where a name without a slash may lie.
func (s seeker) candidates() []string {
	var list []string
	for _, dir := range strings.Split(lookup(lastWins(s.spec.Env), "PATH"), ":") {
		if path.IsAbs(dir) && s.spec.Args[0] != "" { // the current directory is never searched
			list = append(list, path.Join(dir, s.spec.Args[0]))
		}
	}
	return list
}

func (s seeker) access(name, why, file string, mode uint64) int {
	return s.add(name, why, unix.SYS_FACCESSAT, program.Imm(cwd), s.pathArg(file), program.Imm(mode))
}

// inside looks for what only a directory has; ENOTDIR says that it is none. Nothing
// is opened: the limit of open files may be low by now.
func (s seeker) inside(file string) int {
	return s.access("look if "+file+" is a directory", "execve does not tell", file+"/.", unix.F_OK)
}
