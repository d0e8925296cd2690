//go:build linux

package runtime

import (
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"berth/internal/program"
)

// Names of steps that the classification of failures looks for.
const (
	nameExec   = "execute the program"
	nameStat   = "find the program"
	nameIsDir  = "refuse a directory as the program"
	nameSearch = "find the program in PATH"
)

// execute becomes the program. A name without a slash is looked for in the
// PATH of the process's own environment, as exec.LookPath does.
func (p *process) execute() {
	env := lastWins(p.spec.Env)
	if strings.Contains(p.spec.Args[0], "/") {
		p.executePath(env)
		return
	}
	for _, candidate := range (seeker{p.builder, p.spec}).candidates() {
		p.exec(nameExec, "PATH names "+path.Dir(candidate), candidate, env)
		p.tolerate(unix.ENOENT, unix.ENOTDIR, unix.EACCES)
	}
	p.exec(nameSearch, "it always fails: there is no such file", "", env)
}

// executePath executes a path. When it fails, the steps after it find out why,
// since execve(2) says the same of a missing file and a missing interpreter,
// and of a directory and a file that is not executable.
func (p *process) executePath(env []string) {
	file := p.spec.Args[0]
	exec := p.exec(nameExec, "all is set up", file, env)
	p.on(exec, unix.ENOENT, p.here())
	stat := p.add(nameStat, "if it is there, its interpreter is not", unix.SYS_FACCESSAT, program.Imm(cwd), p.pathArg(file), program.Imm(unix.F_OK))
	p.on(exec, unix.EACCES, p.here())
	isDir := p.add(nameIsDir, "execve does not tell; a directory cannot be truncated, and \"/.\" makes sure that nothing else is", unix.SYS_TRUNCATE,
		p.pathArg(file+"/."), program.Imm(0))
	p.okTo(stat, p.here())
	for _, errno := range []unix.Errno{unix.ENOTDIR, unix.EACCES, unix.EPERM} {
		p.on(isDir, errno, p.here())
	}
	p.exec(nameExec, "it fails again, and says why", file, env)
}

func (p *process) exec(name, why, file string, env []string) int {
	return p.add(name, why, unix.SYS_EXECVE, p.pathArg(file), program.Vec(p.spec.Args), program.Vec(env))
}

// lastWins keeps the last of entries with the same name, in place of the first.
func lastWins(env []string) []string {
	place := map[string]int{}
	out := make([]string, 0, len(env))
	for _, entry := range env {
		name, _, _ := strings.Cut(entry, "=")
		if i, ok := place[name]; ok {
			out[i] = entry
			continue
		}
		place[name] = len(out)
		out = append(out, entry)
	}
	return out
}

func lookup(env []string, name string) string {
	for _, entry := range env {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}
