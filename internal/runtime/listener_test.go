//go:build linux

package runtime_test

import (
	"strings"
	"testing"
	"unsafe"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/runtime"
)

// notification is struct seccomp_notif, answer struct seccomp_notif_resp.
type notification struct {
	id    uint64
	pid   uint32
	flags uint32
	data  [64]byte
}

type answer struct {
	id    uint64
	val   int64
	err   int32
	flags uint32
}

const notifRecv, notifSend = 0xc0502100, 0xc0182101

// listen refuses every call that it is asked about with EXDEV, until nobody is left to ask.
func listen(fd int) (asked int) {
	for {
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		if _, err := unix.Poll(poll, -1); err == unix.EINTR {
			continue
		} else if err != nil {
			return asked
		}
		if poll[0].Revents&unix.POLLIN == 0 && poll[0].Revents&unix.POLLHUP != 0 {
			return asked
		}
		var n notification
		if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), notifRecv, uintptr(unsafe.Pointer(&n))); e != 0 {
			continue
		}
		asked++
		a := answer{id: n.id, err: -int32(unix.EXDEV)}
		unix.Syscall(unix.SYS_IOCTL, uintptr(fd), notifSend, uintptr(unsafe.Pointer(&a)))
	}
}

func TestAListenerAnswersForTheFilter(t *testing.T) {
	for _, noNewPrivileges := range []bool{false, true} {
		b := newBox(t, "mkdir /tmp/x 2>&1; echo end")
		b.spec.Process.NoNewPrivileges = noNewPrivileges
		b.spec.Linux.Seccomp = &specs.LinuxSeccomp{
			DefaultAction: specs.ActAllow, ListenerPath: "/run/agent", Flags: []specs.LinuxSeccompFlag{specs.LinuxSeccompFlagWaitKillableRecv},
			Syscalls: []specs.LinuxSyscall{{Names: []string{"mkdir", "mkdirat"}, Action: specs.ActNotify}},
		}
		asked := make(chan int, 1)
		o := b.synced(func(o *other, p runtime.Sync) bool {
			if p == runtime.SyncListener {
				go func(fd int) { asked <- listen(fd) }(o.fds[0])
			}
			return true
		})
		out, code := b.run()
		o.end()
		if n := <-asked; n != 1 || code != 0 || !strings.Contains(out, "Invalid cross-device link\nend\n") || o.got != "wnp" {
			t.Errorf("asked %d times, exit %d, points %q, output:\n%s", n, code, o.got, out)
		}
		unix.Close(o.fds[0])
	}
}
