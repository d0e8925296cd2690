//go:build linux

package breakout

import (
	"os"

	"golang.org/x/sys/unix"

	"berth/internal/program"
	"berth/test/harness"
)

// cwd is AT_FDCWD: what paths of the program's steps begin at, the root.
const cwd = ^uint64(99)

// put puts a file of a hostile image into the stage's.
func (s *stage) put(f harness.File) {
	s.t.Helper()
	path := s.image + "/" + f.Name
	switch {
	case f.Link != "":
		s.must(os.RemoveAll(path))
		s.must(os.Symlink(f.Link, path))
	case f.Body == nil:
		s.must(os.MkdirAll(path, 0o755))
	default:
		s.must(os.WriteFile(path, f.Body, 0o644))
	}
}

// imageAttacks are by images that are not what they seem, and by somebody who
// changes them while a container starts.
func imageAttacks() []attack {
	procElsewhere := []harness.File{
		{Name: "vol/proc/"}, {Name: "vol/fake/"}, {Name: "vol/fake/sys/"}, {Name: "vol/fake/sys/kernel/"},
		{Name: "vol/target", Body: []byte("untouched\n"), Mode: 0o644}, {Name: "vol/fake/sys/kernel/msgmax", Link: "/vol/target"},
		{Name: "proc", Link: "/vol/proc"},
	}
	const sysctl = "open kernel.msgmax"
	withSysctl := func(s *stage) { s.spec.Linux.Sysctl = map[string]string{"kernel.msgmax": "8193"} }
	return []attack{
		{
			name:  "an image cannot lead the protection of /proc elsewhere by a symbolic link (CVE-2019-16884, CVE-2023-27561, CVE-2023-28642)",
			does:  []string{"write-sysctl", "/vol/proc/sys/kernel/core_pattern"},
			image: procElsewhere,
			plant: func(s *stage, p *program.Program) { pointElsewhere(s, p, "find /proc/bus") },
			out:   func(s *stage, p *program.Program) { relax(s.t, p, "find /proc") },
		},
		{
			name:  "an image cannot lead what the runtime writes to /proc elsewhere (CVE-2025-52881)",
			does:  []string{"sees", "/vol/target", "8193"},
			image: procElsewhere,
			flags: []string{"--sysctl", "kernel.msgmax=8193"},
			set:   withSysctl,
			plant: func(s *stage, p *program.Program) { pointElsewhere(s, p, sysctl) },
			out:   func(s *stage, p *program.Program) { relax(s.t, p, "find /proc", sysctl) },
		},
		{
			name:  "a /dev/null of the attacker's does not unmask what is masked (CVE-2025-31133)",
			does:  []string{"read", "/proc/interrupts"},
			image: []harness.File{{Name: "dev/"}, {Name: "dev/null", Link: "/proc/interrupts"}},
			plant: func(s *stage, p *program.Program) {
				insert(s.t, p, "find /proc/acpi",
					call("the attacker removes /dev/null", unix.SYS_UNLINKAT, program.Imm(cwd), program.Str("/dev/null")),
					call("the attacker replaces /dev/null", unix.SYS_SYMLINKAT, program.Str("/proc/interrupts"), program.Imm(cwd), program.Str("/dev/null")))
			},
			out: func(s *stage, p *program.Program) {
				const step = "take the container's /dev/null"
				insert(s.t, p, "find /proc/acpi", call(step, unix.SYS_OPEN_TREE, program.Imm(cwd), program.Str("/dev/null"), program.Imm(unix.OPEN_TREE_CLONE)))
				p.Steps[find(s.t, p, "mask /proc/interrupts")[0]].Args[0] = program.Res(find(s.t, p, step)[0])
			},
		},
		{
			name:  "a terminal of the attacker's does not bring a file of /proc to /dev/console (CVE-2025-52565)",
			does:  []string{"write-console"},
			image: []harness.File{{Name: "dev/"}, {Name: "dev/console", Link: "/proc/sys/kernel/domainname"}},
			flags: []string{"-t"},
			set:   func(s *stage) { s.spec.Process.Terminal = true },
			plant: func(s *stage, p *program.Program) {
				insert(s.t, p, "find /dev/pts", call("the attacker makes a terminal", unix.SYS_SYMLINKAT,
					program.Str("/proc/sys/kernel/domainname"), program.Imm(cwd), program.Str("/dev/pts/0")))
			},
			out: func(s *stage, p *program.Program) {
				disarm(s.t, p, "mount devpts on /dev/pts")
				for _, i := range find(s.t, p, "take the terminal") {
					if p.Steps[i].Call == unix.SYS_OPEN_TREE {
						p.Steps[i].Args = [6]program.Arg{program.Imm(cwd), program.Str("/dev/pts/0"), program.Imm(unix.OPEN_TREE_CLONE)}
					}
				}
			},
		},
	}
}

// pointElsewhere has the attacker point /proc at its own directory in front of
// a step, when the real one has been mounted where /proc led before.
func pointElsewhere(s *stage, p *program.Program, step string) {
	insert(s.t, p, step,
		call("the attacker takes /proc away", unix.SYS_UNLINKAT, program.Imm(cwd), program.Str("/proc")),
		call("the attacker points /proc elsewhere", unix.SYS_SYMLINKAT, program.Str("/vol/fake"), program.Imm(cwd), program.Str("/proc")))
}
