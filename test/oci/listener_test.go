//go:build linux

package oci

import (
	"encoding/json"
	"net"
	"path/filepath"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func TestASeccompListenerReachesItsAgent(t *testing.T) {
	b := newBundle(t, "exec sleep 1000")
	path := filepath.Join(t.TempDir(), "agent")
	agent, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	b.must(err)
	defer agent.Close()
	b.spec.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, ListenerPath: path, ListenerMetadata: "meta",
		Syscalls: []specs.LinuxSyscall{{Names: []string{"mkdir"}, Action: specs.ActNotify}}}
	b.save()
	b.ok("create", "-b", b.dir, "a")
	defer b.ok("delete", "-f", "a")
	if s := b.listener(agent); s.State.Status != specs.StateCreating || s.State.ID != "a" || s.Metadata != "meta" || s.Pid != b.state("a").Pid {
		t.Errorf("%+v", s)
	}
	b.ok("start", "a")
	b.ok("exec", "a", "id")
	if s := b.listener(agent); s.State.Status != specs.StateRunning || s.Pid == s.State.Pid {
		t.Errorf("%+v", s)
	}
}

// listener takes what comes to an agent, and gives the listener up.
func (b *bundle) listener(agent *net.UnixListener) (s specs.ContainerProcessState) {
	b.t.Helper()
	conn, err := agent.AcceptUnix()
	b.must(err)
	defer conn.Close()
	text, control := make([]byte, 8192), make([]byte, unix.CmsgSpace(4))
	n, oobn, _, _, err := conn.ReadMsgUnix(text, control)
	b.must(err)
	b.must(json.Unmarshal(text[:n], &s))
	messages, err := unix.ParseSocketControlMessage(control[:oobn])
	b.must(err)
	fds, err := unix.ParseUnixRights(&messages[0])
	b.must(err)
	if len(fds) != 1 || len(s.Fds) != 1 || s.Fds[0] != specs.SeccompFdName {
		b.t.Errorf("%v %+v", fds, s)
	}
	b.must(unix.Close(fds[0]))
	return s
}
