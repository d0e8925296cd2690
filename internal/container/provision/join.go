package provision

import (
	"fmt"
	"os"
	"strings"

	"berth/internal/container/record"
	"berth/internal/fault"
	"berth/internal/linux/pidfd"
	"berth/internal/runtime"
)

// named is a descriptor that travels under a name.
type named struct {
	name string
	file *os.File
}

// join opens the PID and IPC namespaces that a container has in common with others.
func (h wiring) join(c record.Container, p *Prepared) error {
	if id, shared := strings.CutPrefix(c.HostConfig.PidMode, "container:"); shared {
		ns, _, err := h.namespaceOf(id, "pid", "PID")
		if err != nil {
			return err
		}
		p.joined, p.ours = append(p.joined, named{runtime.FdPidNS, ns}), append(p.ours, ns)
	}
	if id, shared := strings.CutPrefix(c.HostConfig.IpcMode, "container:"); shared {
		ns, other, err := h.namespaceOf(id, "ipc", "IPC")
		if err != nil {
			return err
		}
		p.joined, p.ours = append(p.joined, named{runtime.FdIPCNS, ns}), append(p.ours, ns)
		if mode := other.HostConfig.IpcMode; mode != "shareable" && mode != "host" && !strings.HasPrefix(mode, "container:") {
			return fault.New(fault.Invalid, "can't join IPC of container %s: non-shareable IPC (hint: use IpcMode:shareable for the donor container)", other.ID)
		}
	}
	return nil
}

// namespaceOf opens a namespace of another container, which has to run.
func (h wiring) namespaceOf(id, kind, what string) (*os.File, record.Container, error) {
	other, run, err := h.find(id)
	if err != nil {
		return nil, other, err
	}
	if run == nil {
		return nil, other, fault.New(fault.Conflict, "cannot join %s of a non running container: container %s is not running", what, other.ID)
	}
	ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/%s", run.Pid, kind))
	if err != nil {
		return nil, other, fault.Wrap(fault.Conflict, err, "cannot join %s of container %s", what, other.ID)
	}
	if pidfd.Ended(run.Pidfd) { // the pid may have been another process's by then
		ns.Close()
		return nil, other, fault.New(fault.Conflict, "cannot join %s of a non running container: container %s is not running", what, other.ID)
	}
	return ns, other, nil
}
