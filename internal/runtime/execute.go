//go:build linux

package runtime

import (
	"path"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
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
func (b *builder) execute(p *specs.Process) {
	env := lastWins(p.Env)
	if strings.Contains(p.Args[0], "/") {
		b.executePath(p, env)
		return
	}
	for _, dir := range strings.Split(lookup(env, "PATH"), ":") {
		if !path.IsAbs(dir) || p.Args[0] == "" {
			continue // the current directory is never searched
		}
		b.exec(nameExec, "PATH names "+dir, path.Join(dir, p.Args[0]), p.Args, env)
		b.tolerate(unix.ENOENT, unix.ENOTDIR, unix.EACCES)
	}
	b.exec(nameSearch, "it always fails: there is no such file", "", p.Args, env)
}

// executePath executes a path. When it fails, the steps after it find out why,
// since execve(2) says the same of a missing file and a missing interpreter,
// and of a directory and a file that is not executable.
func (b *builder) executePath(p *specs.Process, env []string) {
	file := p.Args[0]
	exec := b.exec(nameExec, "all is set up", file, p.Args, env)
	b.on(exec, unix.ENOENT, b.here())
	stat := b.add(nameStat, "if it is there, its interpreter is not", unix.SYS_FACCESSAT, program.Imm(cwd), b.pathArg(file), program.Imm(unix.F_OK))
	b.on(exec, unix.EACCES, b.here())
	isDir := b.add(nameIsDir, "execve does not tell; a directory cannot be truncated, and \"/.\" makes sure that nothing else is", unix.SYS_TRUNCATE,
		b.pathArg(file+"/."), program.Imm(0))
	b.okTo(stat, b.here())
	for _, errno := range []unix.Errno{unix.ENOTDIR, unix.EACCES, unix.EPERM} {
		b.on(isDir, errno, b.here())
	}
	b.exec(nameExec, "it fails again, and says why", file, p.Args, env)
}

func (b *builder) exec(name, why, file string, args, env []string) int {
	return b.add(name, why, unix.SYS_EXECVE, b.pathArg(file), program.Vec(args), program.Vec(env))
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
