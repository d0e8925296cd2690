//go:build linux

// Command guest is the first process of the test machine: it makes a host of
// the machine, does what the plan says, and tells the result.
package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"berth/test/vm/plan"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "jobs" {
		os.Exit(runPlan())
	}
	if len(os.Args) > 1 && os.Args[1] == "service" { // of systemd's
		end(runPlan())
	}
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "guest: this is the init of a virtual machine")
		os.Exit(2)
	}
	code := 1
	if err := setUp(); err != nil {
		fmt.Println("guest:", err)
	} else if wantsSystemd() {
		err := syscall.Exec(plan.Systemd, []string{"systemd"}, []string{"PATH=/bin"})
		fmt.Println("guest: systemd:", err)
	} else {
		code = supervise()
	}
	end(code)
}

// end tells the result and ends the machine.
func end(code int) {
	answer(fmt.Sprint(plan.Exit, " ", code))
	unix.Sync()
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART) // with -no-reboot, the end of QEMU
	select {}
}

func wantsSystemd() bool {
	line, err := os.ReadFile("/proc/cmdline")
	return err == nil && slices.Contains(strings.Fields(string(line)), plan.SystemdWord)
}

// supervise runs the jobs in a process of their own, and is the parent of all
// those that lose theirs.
func supervise() int {
	pid, err := syscall.ForkExec("/proc/self/exe", []string{"guest", "jobs"}, &syscall.ProcAttr{
		Env: []string{"PATH=/bin"}, Files: []uintptr{0, 1, 2}, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		fmt.Println("guest:", err)
		return 1
	}
	for {
		var status syscall.WaitStatus
		switch child, err := syscall.Wait4(-1, &status, 0, nil); {
		case err == syscall.EINTR:
		case err != nil:
			fmt.Println("guest: wait:", err)
			return 1
		case child == pid && status.Exited():
			return status.ExitStatus()
		case child == pid:
			return 1
		}
	}
}

// answer writes a line to the host.
func answer(line string) {
	port, err := os.OpenFile(plan.Answer, os.O_WRONLY|unix.O_NOCTTY, 0)
	if err != nil {
		fmt.Println("guest:", err)
		return
	}
	defer port.Close()
	if _, err := port.WriteString("\n" + line + "\n"); err != nil {
		fmt.Println("guest:", err)
	}
	_ = unix.IoctlSetInt(int(port.Fd()), unix.TCSBRK, 1) // tcdrain(3): a machine that ends does not send what waits
}
