//go:build linux

package breakout

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"

	"berth/internal/launch"
	"berth/internal/linux/console"
	"berth/internal/program"
)

// roleEnv makes the test binary a runtime that starts one program: it is on
// descriptor 3, and the program's descriptors are those from 4 on.
const roleEnv = "BERTH_BREAKOUT_LAUNCHER"

func launcherMain() int {
	asm, err := launch.NewAsm()
	if err != nil {
		fmt.Println("refused:", err)
		return 1
	}
	code, err := io.ReadAll(os.NewFile(3, "program"))
	if err != nil {
		fmt.Println("refused:", err)
		return 1
	}
	var count int
	if _, err := fmt.Sscan(os.Getenv(roleEnv), &count); err != nil {
		fmt.Println("refused:", err)
		return 1
	}
	var fds []int
	for i := range count {
		fds = append(fds, 4+i)
	}
	child, err := asm.Start(code, fds)
	if child.Pid > 0 {
		reap(child)
	}
	if err != nil {
		fmt.Println("refused:", err)
		return 1
	}
	return 0
}

// fromTerminal starts the container from a process that has a terminal, which
// is also the container's standard input: a shell of the decoy's.
func fromTerminal(s *stage, p *program.Program, out *os.File) string {
	s.t.Helper()
	master, devpts, slave, err := console.New()
	s.must(err)
	defer master.Close()
	defer devpts.Close()
	defer slave.Close()
	code, err := p.Encode()
	s.must(err)
	fd, err := unix.MemfdCreate("program", unix.MFD_CLOEXEC)
	s.must(err)
	file := os.NewFile(uintptr(fd), "program")
	defer file.Close()
	_, err = file.WriteAt(code, 0)
	s.must(err)
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{fmt.Sprintf("%s=%d", roleEnv, len(p.Fds))}
	cmd.Stdin, cmd.ExtraFiles = slave, []*os.File{file}
	for _, name := range p.Fds {
		f := s.fds[name]
		if name == "stdin" {
			f = slave
		}
		cmd.ExtraFiles = append(cmd.ExtraFiles, f)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	failure, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(failure) > 0 {
		return verdict(string(failure))
	}
	s.must(err)
	s.fds["stdout"].Close()
	text, err := io.ReadAll(out)
	s.must(err)
	return verdict(string(text))
}
