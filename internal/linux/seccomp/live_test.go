package seccomp

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestMain turns the test binary into the filtered child when asked.
func TestMain(m *testing.M) {
	if os.Getenv("BERTH_SECCOMP_CHILD") == "1" {
		if err := child(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child loads Docker's profile and tries calls under it.
func child() error {
	runtime.LockOSThread()
	p, err := Default(dockerCaps)
	if err != nil {
		return err
	}
	f, err := Compile(p)
	if err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	prog := unix.SockFprog{Len: uint16(f.Len()), Filter: (*unix.SockFilter)(unsafe.Pointer(&f.Bytes[0]))}
	begin := time.Now()
	// TSYNC so that the runtime's other threads are filtered too.
	_, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, uintptr(f.Flags|unix.SECCOMP_FILTER_FLAG_TSYNC), uintptr(unsafe.Pointer(&prog)))
	took := time.Since(begin)
	if e != 0 {
		return fmt.Errorf("seccomp: %w", e)
	}
	for _, c := range []struct {
		name string
		nr   uintptr
		args [3]uintptr
		want unix.Errno
	}{
		{"getpid", unix.SYS_GETPID, [3]uintptr{}, 0},
		{"mount", unix.SYS_MOUNT, [3]uintptr{}, unix.EPERM},
		{"bpf", unix.SYS_BPF, [3]uintptr{}, unix.EPERM},
		{"clone3", unix.SYS_CLONE3, [3]uintptr{}, unix.ENOSYS},
		{"clone with a user namespace", unix.SYS_CLONE, [3]uintptr{unix.CLONE_NEWUSER}, unix.EPERM},
		{"personality to ask", unix.SYS_PERSONALITY, [3]uintptr{0xffffffff}, 0},
		{"personality READ_IMPLIES_EXEC", unix.SYS_PERSONALITY, [3]uintptr{0x0400000}, unix.EPERM},
		{"a vsock", unix.SYS_SOCKET, [3]uintptr{unix.AF_VSOCK, unix.SOCK_STREAM, 0}, unix.EPERM},
		{"a call of the future", 5000, [3]uintptr{}, unix.ENOSYS},
	} {
		if _, _, e := unix.Syscall(c.nr, c.args[0], c.args[1], c.args[2]); e != c.want {
			return fmt.Errorf("%s gives %w (%d), want %d", c.name, e, int(e), int(c.want))
		}
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("a unix socket: %w", err)
	}
	fmt.Printf("%d instructions loaded in %v\n", f.Len(), took)
	return unix.Close(fd)
}

func TestTheKernelTakesTheDefaultProfileAndEnforcesIt(t *testing.T) {
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		t.Skip("no table for this architecture")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "BERTH_SECCOMP_CHILD=1")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		t.Fatalf("the child: %v\n%s", err, out)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Log(strings.TrimSpace(string(out)))
}
