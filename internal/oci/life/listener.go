//go:build linux

package life

import (
	"encoding/json"
	"os"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// sendListener hands a seccomp listener to the agent that the profile names,
// with who it is for (runtime-linux.md, Seccomp).
func sendListener(p *specs.LinuxSeccomp, listener *os.File, pid int, state specs.State) error {
	if listener == nil || p == nil {
		return fault.New(fault.Internal, "The child has sent no seccomp listener.")
	}
	text, err := json.Marshal(specs.ContainerProcessState{
		Version: specs.Version, Fds: []string{specs.SeccompFdName}, Pid: pid, Metadata: p.ListenerMetadata, State: state,
	})
	if err != nil {
		return fault.Wrap(fault.Internal, err, "The container's state cannot be written")
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		defer unix.Close(fd)
		err = unix.Connect(fd, &unix.SockaddrUnix{Name: p.ListenerPath})
	}
	if err == nil {
		err = unix.Sendmsg(fd, text, unix.UnixRights(int(listener.Fd())), nil, 0)
	}
	return fault.Wrap(fault.Invalid, err, "The seccomp listener cannot be sent to %s", p.ListenerPath)
}
