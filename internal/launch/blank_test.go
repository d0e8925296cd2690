//go:build !cgo

package launch_test

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"berth/internal/launch"
	"berth/internal/program"
)

// What a container names as its program may be its own executable: of a child
// that is nothing yet, that is nothing either.
func TestABlankChildDoesNotHaveOurExecutable(t *testing.T) {
	blank, err := launch.NewBlankAsm()
	if err != nil && os.Geteuid() != 0 {
		t.Skip("an ordinary user's children cannot have a blank executable: ", err)
	} else if err != nil {
		t.Fatal(err)
	}
	defer blank.Close()
	self := program.New()
	self.Add(step("run", unix.SYS_EXECVE, program.Str("/proc/self/exe"),
		program.Vec([]string{"self", "-test.list=^$"}), program.Vec(nil)))
	code, err := self.Encode()
	if err != nil {
		t.Fatal(err)
	}
	child, err := blank.Start(code, nil)
	var failed *program.Failure
	if !errors.As(err, &failed) || failed.Errno != unix.ENOEXEC {
		t.Errorf("/proc/self/exe was executed: %v; want %v", err, unix.ENOEXEC)
	}
	unix.Wait4(child.Pid, nil, 0, nil)

	// Without the defence it is this binary.
	plain, err := launch.NewAsm()
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	if child, err = plain.Start(code, nil); err != nil {
		t.Fatal("an attack without the defence fails: ", err)
	}
	defer unix.Close(child.PidFd)
	var ws unix.WaitStatus
	if _, err := unix.Wait4(child.Pid, &ws, 0, nil); err != nil || ws.ExitStatus() != 0 {
		t.Error("an attack without the defence fails: ", err, ws)
	}
}
