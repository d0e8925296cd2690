//go:build linux

package runtime

import (
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"berth/internal/program"
)

// checkProgram fails as execute will, if it will, while `create` can still say
// so. A seccomp filter may forbid to look; then execve has to tell.
func (p *process) checkProgram() {
	probe := p.access("see if looking is allowed", "a seccomp filter may forbid it", "/", unix.F_OK)
	if strings.Contains(p.spec.Args[0], "/") {
		p.checkPath(p.spec.Args[0])
	} else {
		p.checkSearch()
	}
	for _, errno := range []unix.Errno{unix.EPERM, unix.ENOSYS, unix.EACCES} {
		p.on(probe, errno, p.here())
	}
}

// checkPath looks at one file as exec.LookPath does.
func (p *process) checkPath(file string) {
	p.access(nameStat, "before the container is said to be created", file, unix.F_OK)
	p.notDirectory(nameIsDir, file)
	p.tolerate(unix.ENOTDIR, unix.EACCES, unix.EPERM)
	p.access(nameExec, "as the user that it will be", file, unix.X_OK)
}

// checkSearch looks for a file in PATH.
func (p *process) checkSearch() {
	var found []int
	for _, candidate := range p.candidates() {
		access := p.access("look for "+candidate, "before the container is said to be created", candidate, unix.X_OK)
		dir := p.notDirectory("look if "+candidate+" is a directory", candidate)
		for _, errno := range []unix.Errno{unix.ENOENT, unix.ENOTDIR, unix.EACCES} {
			p.on(access, errno, p.here())
		}
		p.on(dir, unix.EISDIR, p.here())
		found = append(found, dir)
	}
	p.exec(nameSearch, "it always fails: there is no such file", "", nil)
	for _, step := range found {
		p.on(step, unix.ENOTDIR, p.here())
		p.on(step, unix.EPERM, p.here())
	}
}

// candidates are where a name without a slash may lie.
func (p *process) candidates() []string {
	var list []string
	for _, dir := range strings.Split(lookup(lastWins(p.spec.Env), "PATH"), ":") {
		if path.IsAbs(dir) && p.spec.Args[0] != "" { // the current directory is never searched
			list = append(list, path.Join(dir, p.spec.Args[0]))
		}
	}
	return list
}

func (p *process) access(name, why, file string, mode uint64) int {
	return p.add(name, why, unix.SYS_FACCESSAT, program.Imm(cwd), p.pathArg(file), program.Imm(mode))
}

// notDirectory always fails: with EISDIR for a directory, with ENOTDIR for
// anything else, since "/." makes sure that nothing else can be opened.
func (p *process) notDirectory(name, file string) int {
	return p.add(name, "a directory cannot be opened for writing", unix.SYS_OPENAT, program.Imm(cwd), p.pathArg(file+"/."),
		program.Imm(unix.O_WRONLY|unix.O_CLOEXEC), program.Imm(0))
}
