//go:build linux

package life

import (
	"os"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/linux/cgroup"
	"berth/internal/linux/mount"
	"berth/internal/linux/seccomp"
	"berth/internal/oci/store"
	"berth/internal/program"
	"berth/internal/runtime"
)

// CreateOptions are the flags of `create` and `run`.
type CreateOptions struct {
	ID            string
	Bundle        string
	ConsoleSocket string
	PidFile       string
	PidfdSocket   string // gets a descriptor of the first process
	PreserveFds   int
	NoPivot       bool
	NoNewKeyring  bool
	Detach        bool // run: do not wait
	Keep          bool // run: do not delete afterwards
}

// job is a container on its way to its first process. Whatever it takes, it
// gives back when something fails.
type job struct {
	r      *Runtime
	o      CreateOptions
	dir    *store.Dir
	rec    store.Record
	spec   *specs.Spec
	in     runtime.Inputs
	cargo  *cargo
	group  *cgroup.Group
	master *os.File // of the terminal
	prog   *program.Program
	filter func() (seccomp.Filter, error)
	undo   []func()

	holdsPlace func() // ends who keeps a unit of systemd's from ending; nil for nobody

	transient bool // what failed may well succeed when it is tried again
}

// newJob takes the container's name.
func (r *Runtime) newJob(o CreateOptions) (*job, error) {
	if err := checkRights(); err != nil {
		return nil, err
	}
	b, err := readBundle(o.Bundle)
	if err != nil {
		return nil, err
	}
	if err := checkTerminal(b.spec.Process, o.Detach, o.ConsoleSocket); err != nil {
		return nil, err
	}
	d, err := r.Store.Make(o.ID)
	if err != nil {
		return nil, err
	}
	j := &job{r: r, o: o, dir: d, spec: b.spec, cargo: &cargo{}}
	j.onFailure(func() {
		if err := d.Remove(); err != nil {
			r.Warn(err.Error())
		}
	})
	j.filter = beside(func() (seccomp.Filter, error) { return seccomp.Compile(b.spec.Linux.Seccomp) })
	j.rec = store.Record{ID: o.ID, Bundle: b.dir, Rootfs: b.rootfs, Created: time.Now(), Owner: uint32(os.Geteuid()), Systemd: r.Systemd, Creating: true}
	j.in.Staging, j.in.NoPivot, j.in.NoNewKeyring = b.rootfs, o.NoPivot, o.NoNewKeyring
	if err := d.SaveConfig(b.config); err != nil {
		j.fail()
		return nil, err
	}
	return j, nil
}

func (j *job) onFailure(f func()) { j.undo = append(j.undo, f) }

// fail gives everything back, the latest first.
func (j *job) fail() {
	j.cargo.close()
	for i := len(j.undo) - 1; i >= 0; i-- {
		j.undo[i]()
	}
}

// prepare takes everything that the program needs and compiles it.
func (j *job) prepare() error {
	for _, step := range []func() error{j.openRoot, j.resolveMounts, j.prepareTrees, j.makeGroup, j.openStreams, j.openNamespaces, j.preserve, j.home} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// compile makes the program of what has been given.
func (j *job) compile() error {
	var err error
	if j.in.Seccomp, err = j.filter(); err != nil {
		return err
	}
	j.in.Fds = j.cargo.names
	j.in.Rootless = noGroups()
	j.in.Modules = modules(j.spec.Process)
	j.prog, err = runtime.Compile(j.spec, j.in)
	return err
}

// beside begins a work at once, on another processor if there is one.
func beside[T any](work func() (T, error)) (result func() (T, error)) {
	var value T
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		value, err = work()
	}()
	return func() (T, error) {
		<-done
		return value, err
	}
}

// modules looks at the host's security modules when the process has a label.
func modules(p *specs.Process) runtime.Modules {
	if p.ApparmorProfile == "" && p.SelinuxLabel == "" {
		return runtime.Modules{}
	}
	return runtime.HostModules()
}

// openRoot clones the root's tree, with all that is mounted in it. It stays a
// slave of the host's unless the spec wants it private: what the host mounts
// there later may appear, what the container mounts never does on the host.
func (j *job) openRoot() error {
	fd, err := unix.OpenTree(unix.AT_FDCWD, j.rec.Rootfs, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "The root %s cannot be taken", j.rec.Rootfs)
	}
	j.cargo.give(runtime.FdRootfs, os.NewFile(uintptr(fd), "rootfs"))
	attr := unix.MountAttr{Propagation: unix.MS_SLAVE}
	if p := j.spec.Linux.RootfsPropagation; p == "private" || p == "rprivate" {
		attr.Propagation = unix.MS_PRIVATE
	}
	err = unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &attr)
	return fault.Wrap(fault.Internal, err, "The root's propagation cannot be set")
}

// resolveMounts follows the symbolic links of the destinations, also those
// that lead to nothing, which a program cannot do. What is mounted over /proc
// and /sys is left alone: there a link is an attack.
func (j *job) resolveMounts() error {
	for i, m := range j.spec.Mounts {
		if !bind(m) {
			continue
		}
		at, err := mount.ResolveIn(j.cargo.files[0], m.Destination)
		if err != nil {
			return err
		}
		j.spec.Mounts[i].Destination = at
	}
	return nil
}

// openNamespaces opens the namespaces that the spec names by path.
func (j *job) openNamespaces() error {
	names := map[specs.LinuxNamespaceType]string{
		specs.NetworkNamespace: runtime.FdNetNS, specs.IPCNamespace: runtime.FdIPCNS, specs.UTSNamespace: runtime.FdUTSNS,
		specs.PIDNamespace: runtime.FdPidNS, specs.CgroupNamespace: runtime.FdCgroupNS,
		specs.UserNamespace: runtime.FdUserNS, specs.TimeNamespace: runtime.FdTimeNS, specs.MountNamespace: runtime.FdMntNS,
	}
	for _, ns := range j.spec.Linux.Namespaces {
		if ns.Path == "" {
			continue
		}
		f, err := os.Open(ns.Path)
		if err != nil {
			return fault.Wrap(fault.Invalid, err, "The %s namespace cannot be joined", ns.Type)
		}
		name, ok := names[ns.Type]
		if !ok {
			f.Close()
			return fault.New(fault.Invalid, "invalid namespace type %q", ns.Type)
		}
		j.cargo.give(name, f)
	}
	return nil
}

func (j *job) preserve() error { return j.cargo.preserve(j.spec.Process, j.o.PreserveFds) }

func (j *job) home() error { return giveHome(j.cargo.files[0], j.spec.Process) }
