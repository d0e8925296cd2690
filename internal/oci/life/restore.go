//go:build linux

package life

import (
	"os"
	"path/filepath"
	goruntime "runtime"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/oci/criu"
)

// RestoreOptions are the flags of `restore`.
type RestoreOptions struct {
	CreateOptions
	ImageOptions
	LSMProfile string
}

// Restore makes a container from what Checkpoint wrote, with criu. In the
// foreground the answer is its exit code.
func Restore(r *Runtime, o RestoreOptions) (int, error) {
	program, err := criu.Find()
	if err != nil {
		return 0, err
	}
	if o.NoPivot {
		return 0, fault.New(fault.Unsupported, "--no-pivot is not supported by restore: criu always pivots")
	}
	j, err := r.newJob(o.CreateOptions)
	if err != nil {
		return 0, err
	}
	if err = j.makeGroup(); err == nil {
		putBack := keepGroupOptions()
		err = (&revival{job: j, o: &o, program: program}).revive()
		if backErr := putBack(); backErr != nil {
			r.Warn(backErr.Error())
		}
	}
	if err == nil {
		err = j.created()
	}
	j.leavePlace()
	if err != nil {
		j.fail()
		return 0, err
	}
	j.cargo.close()
	if o.Detach {
		j.dir.Unlock()
		return 0, nil
	}
	return r.attend(j)
}

// revival is a job whose processes come from criu.
type revival struct {
	*job
	o       *RestoreOptions
	program string // criu
	req     *criu.Request
}

// revive asks criu for the processes. Everything happens in a mount namespace that
// ends with it, so that no mount can be left.
func (j *revival) revive() error {
	keys, err := readDescriptors(j.o.Images)
	if err != nil {
		return err
	}
	j.req = &criu.Request{Kind: criu.Restore, LSMProfile: j.o.LSMProfile, ConfigFile: configFile(j.spec)}
	if !j.spec.Process.Terminal {
		for fd := range 3 {
			if err := own(fd, hostID(j.spec.Linux.UIDMappings, j.spec.Process.User.UID)); err != nil {
				return err
			}
		}
	}
	j.req.Places.Inherit = inherit(keys)
	ended := make(chan error, 1)
	go func() {
		goruntime.LockOSThread() // for ever: nobody else may have this thread's mounts
		ended <- j.reviveHere()
	}()
	return j.o.explain(<-ended, criu.Restore)
}

// reviveHere is revive on a thread with mounts of its own.
func (j *revival) reviveHere() error {
	if err := j.stage(); err != nil {
		return err
	}
	// In these mounts: criu mounts below the directory that it works in.
	done, err := j.o.open(j.req, false)
	if err != nil {
		return err
	}
	defer done()
	opened, err := j.joinNamespaces()
	defer func() {
		for _, f := range opened {
			f.Close()
		}
	}()
	if err != nil {
		return err
	}
	s, err := criu.Start(j.program, true, opened)
	if err != nil {
		return err
	}
	defer s.End()
	if err := j.enter(s.Pid()); err != nil {
		return err
	}
	pid, err := s.Ask(j.req, j.event)
	j.rec.Pid = pid // 0 when criu has ended it again
	if err == nil && j.spec.Process.Terminal && j.master == nil {
		j.kill()
		return fault.New(fault.Invalid, "The checkpoint is of a container without a terminal, but its configuration has one.")
	}
	return err
}

// stage puts the root where criu finds it: a mount of its own, whose parent
// nothing covers, with the places for what is mounted in it.
func (j *revival) stage() error {
	err := unix.Unshare(unix.CLONE_NEWNS)
	if err == nil {
		err = unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, "")
	}
	if err == nil {
		err = unix.Mount(j.rec.Rootfs, j.rec.Rootfs, "", unix.MS_BIND|unix.MS_REC, "")
	}
	if err != nil {
		return fault.Wrap(fault.Internal, err, "The root cannot be put where criu finds it")
	}
	root, err := os.OpenFile(j.rec.Rootfs, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "The root cannot be opened")
	}
	defer root.Close()
	if _, err := resolved(root, j.spec); err != nil {
		return err
	}
	if err := makePoints(root, j.spec.Mounts); err != nil {
		return err
	}
	j.req.Root = j.rec.Rootfs
	j.req.Places.External = restoreMounts(j.spec)
	return nil
}

// joinNamespaces opens the namespaces that the spec names by path.
func (j *revival) joinNamespaces() (files []*os.File, err error) {
	for _, ns := range j.spec.Linux.Namespaces {
		kind, external := joined(ns.Type)
		switch {
		case ns.Path == "":
		case external:
			f, err := os.Open(ns.Path)
			if err != nil {
				return files, fault.Wrap(fault.Invalid, err, "The %s namespace cannot be joined", ns.Type)
			}
			j.req.Places.Inherit = append(j.req.Places.Inherit, criu.Inherit{Key: namespaceKey(kind), Fd: criu.FirstFd + len(files)})
			files = append(files, f)
		case ns.Type == specs.IPCNamespace || ns.Type == specs.UTSNamespace || ns.Type == specs.UserNamespace || ns.Type == specs.TimeNamespace:
			j.req.Places.Namespaces = append(j.req.Places.Namespaces, criu.Namespace{Kind: kind, Path: ns.Path})
		default:
			return files, fault.New(fault.Unsupported, "criu cannot restore a container into a %s namespace that is there already.", ns.Type)
		}
	}
	return files, nil
}

// enter puts criu into the container's control group, where its children begin.
func (j *revival) enter(pid int) error {
	if j.group == nil {
		return nil
	}
	for _, p := range j.group.Places() {
		if err := os.WriteFile(filepath.Join(p.Dir, "cgroup.procs"), []byte(itoa(pid)), 0); err != nil {
			return fault.Wrap(fault.Internal, err, "criu cannot be put into the container's control group")
		}
	}
	text, err := os.ReadFile("/proc/" + itoa(pid) + "/cgroup")
	if err != nil {
		return fault.Wrap(fault.Internal, err, "The control groups of criu cannot be read")
	}
	j.req.Places.Cgroups = criu.Roots(string(text))
	return nil
}

// event does what criu waits for.
func (j *revival) event(e criu.Event) error {
	switch e.Name {
	case "setup-namespaces":
		j.rec.Pid = e.Pid
		return runtimeHooks(j.rec, j.spec)
	case "orphan-pts-master":
		if e.File == nil || !j.spec.Process.Terminal || j.master != nil {
			return nil
		}
		fd, err := unix.FcntlInt(e.File.Fd(), unix.F_DUPFD_CLOEXEC, 3)
		if err != nil {
			return fault.Wrap(fault.Internal, err, "The terminal cannot be kept")
		}
		j.master = os.NewFile(uintptr(fd), "terminal")
		j.onFailure(func() { j.master.Close() })
	}
	return nil
}
