//go:build linux

package life

import (
	"os"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/launch"
	"berth/internal/linux/cgroup"
	"berth/internal/linux/console"
	"berth/internal/oci/store"
	"berth/internal/runtime"
)

// ExecOptions are the flags of `exec`.
type ExecOptions struct {
	ID            string
	Detach        bool
	ConsoleSocket string
	PidFile       string
	PidfdSocket   string
	PreserveFds   int
	Cgroup        string // below the container's
	IgnorePaused  bool
	// Process makes the process out of the container's own.
	Process func(own *specs.Process) (*specs.Process, error)
}

// visit is a further process on its way into a container.
type visit struct {
	r      *Runtime
	o      ExecOptions
	spec   *specs.Spec
	p      *specs.Process
	in     runtime.ExecInputs
	cargo  *cargo
	master *os.File

	transient bool // see job
}

// Exec runs a further process in a container. The answer is its exit code.
// It takes no lock: a container that is busy with one verb can still be looked at.
func (r *Runtime) Exec(o ExecOptions) (int, error) {
	d, rec, err := find(r.Store, o.ID)
	if err != nil {
		return 0, err
	}
	switch now := status(d, rec); {
	case now == stopped:
		return 0, fault.New(fault.Conflict, "cannot exec in a stopped container")
	case now == paused && !o.IgnorePaused:
		return 0, fault.New(fault.Conflict, "cannot exec in a paused container (use --ignore-paused to override)")
	}
	v, child, err := r.visit(d, rec, o)
	if err != nil {
		return 0, err
	}
	defer v.cargo.close()
	defer unix.Close(child.PidFd)
	return v.attend(child)
}

// visit starts the process. Nothing is left when it fails.
func (r *Runtime) visit(d *store.Dir, rec store.Record, o ExecOptions) (v *visit, child launch.Child, err error) {
	for try := 1; ; try++ {
		v = &visit{r: r, o: o, cargo: &cargo{}}
		if v.spec, err = config(d); err != nil {
			return nil, child, err
		}
		if v.p, err = o.Process(v.spec.Process); err != nil {
			return nil, child, err
		}
		dropAmbient(v.p.Capabilities)
		if err := checkTerminal(v.p, o.Detach, o.ConsoleSocket); err != nil {
			return nil, child, err
		}
		if child, err = v.enter(rec); err == nil {
			return v, child, nil
		}
		v.cargo.close()
		if v.master != nil {
			v.master.Close()
		}
		if !v.transient || try == tries {
			return nil, child, err
		}
	}
}

// enter starts the process.
func (v *visit) enter(rec store.Record) (launch.Child, error) {
	none := launch.Child{PidFd: -1}
	pidfd, err := rec.PidFd()
	if err != nil {
		return none, err
	}
	v.cargo.give(runtime.FdPidfd, pidfd)
	root, err := os.OpenFile("/proc/"+itoa(rec.Pid)+"/root", unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return none, fault.Wrap(fault.Conflict, err, "The container's root cannot be opened")
	}
	defer root.Close()
	if !rec.Lives() { // the root may have been another process's by then
		return none, fault.New(fault.Conflict, "cannot exec in a stopped container")
	}
	for _, step := range []func() error{
		func() error { return v.joinGroup(rec) },
		func() error { return v.openStreams(root) },
		func() error { return v.cargo.preserve(v.p, v.o.PreserveFds) },
		func() error { return giveHome(root, v.p) },
	} {
		if err := step(); err != nil {
			return none, err
		}
	}
	return v.launch(rec)
}

// joinGroup puts the process into the container's control group.
func (v *visit) joinGroup(rec store.Record) error {
	if rec.Cgroup == "" {
		if v.o.Cgroup != "" {
			return fault.New(fault.Unsupported, "--cgroup is a path below the container's control group, and it has none.")
		}
		return nil
	}
	h, err := cgroup.Detect()
	if err != nil {
		return err
	}
	if strings.Contains(v.o.Cgroup, ":") {
		return fault.New(fault.Unsupported, "--cgroup takes a path below the container's control group; single controllers are not supported.")
	}
	g, err := h.OpenBelow(rec.Cgroup, v.o.Cgroup)
	if err != nil {
		return err
	}
	v.in.Join = g.JoinFiles()
	dir, err := g.OpenBeside(rec.Pid)
	if err != nil || dir == nil {
		return err
	}
	v.cargo.give(runtime.FdCgroup, dir)
	return nil
}

// openStreams gives the process our own streams, or a terminal of the container's.
func (v *visit) openStreams(root *os.File) error {
	if !v.p.Terminal {
		return v.cargo.streams(v.p.User.UID)
	}
	master, slave, err := console.OpenIn(root)
	if err != nil {
		return err
	}
	v.master = master
	v.cargo.give(runtime.FdPty, slave)
	return setUp(master, slave, v.p)
}

// attend tells the caller of the process and, unless it is detached, waits for it.
func (v *visit) attend(child launch.Child) (int, error) {
	err := v.announce(child)
	if err != nil {
		_ = unix.PidfdSendSignal(child.PidFd, unix.SIGKILL, nil, 0) // it may have ended
		reap(child.Pid)
		return 0, err
	}
	if v.o.Detach {
		return 0, nil
	}
	v.cargo.close()
	stop := forward(child.PidFd)
	defer stop()
	return wait(child.Pid, v.master)
}

func (v *visit) announce(child launch.Child) error {
	if v.o.ConsoleSocket != "" {
		if err := sendFile(v.o.ConsoleSocket, "/dev/ptmx", v.master); err != nil {
			return err
		}
	}
	if v.o.PidfdSocket != "" {
		if err := sendFd(v.o.PidfdSocket, "pidfd", child.PidFd); err != nil {
			return err
		}
	}
	return writePidFile(v.o.PidFile, child.Pid)
}
