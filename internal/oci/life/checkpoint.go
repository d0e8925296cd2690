//go:build linux

package life

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/oci/criu"
	"berth/internal/oci/store"
)

// CheckpointOptions are the flags of `checkpoint`.
type CheckpointOptions struct {
	ID string
	ImageOptions
	Parent  string
	PreDump bool
}

// ImageOptions are the flags that checkpoint and restore share.
type ImageOptions struct {
	Images     string // directory
	Work       string // directory of the logs; empty is the same
	Flags      criu.Flags
	CgroupMode criu.CgroupMode
	EmptyNet   bool
}

// Checkpoint writes a container into files, with criu. It ends and is forgotten,
// as it is by runc, unless it is to go on. When criu fails, it goes on as if
// nothing had been.
func Checkpoint(r *Runtime, o CheckpointOptions) error {
	if err := checkRights(); err != nil {
		return err
	}
	program, err := criu.Find()
	if err != nil {
		return err
	}
	d, rec, err := locked(r.Store, o.ID)
	if err != nil {
		return err
	}
	defer d.Unlock()
	if now := status(d, rec); now != running && now != paused {
		return fault.New(fault.Conflict, "Container cannot be checkpointed in %s state", now)
	}
	spec, err := config(d)
	if err != nil {
		return err
	}
	putBack := keepGroupOptions()
	err = dump(program, &o, rec, spec)
	if backErr := putBack(); backErr != nil {
		r.Warn(backErr.Error())
	}
	if err != nil {
		return err
	}
	if o.PreDump || o.Flags.LeaveRunning {
		return nil
	}
	g, err := group(rec)
	if err != nil {
		r.Warn(err.Error())
	}
	if !rec.Ended(killTime) {
		return fault.New(fault.Conflict, "container init still running")
	}
	return r.forget(d, rec, spec, g)
}

// dump asks criu for the files.
func dump(program string, o *CheckpointOptions, rec store.Record, spec *specs.Spec) error {
	if err := checkDump(spec); err != nil {
		return err
	}
	req := &criu.Request{Kind: criu.Dump, Pid: rec.Pid, Parent: o.Parent, Root: rec.Rootfs}
	if o.PreDump {
		req.Kind = criu.PreDump
	}
	_, absent := os.Stat(o.Images)
	done, err := o.open(req, true)
	if err != nil {
		return err
	}
	defer done()
	if absent != nil {
		if err := giveImages(o.Images, spec.Linux); err != nil {
			return err
		}
	}
	if err := o.checkParent(); err != nil {
		return err
	}
	req.ConfigFile = configFile(spec)
	keys, err := dumpOutside(req, rec, spec)
	if err != nil {
		return err
	}
	if !o.PreDump {
		data, err := json.Marshal(keys)
		if err == nil {
			err = store.Replace(filepath.Join(o.Images, descriptorsFile), data, 0o600)
		}
		if err != nil {
			return fault.Wrap(fault.Internal, err, "The checkpoint cannot be written")
		}
	}
	s, err := criu.Start(program, false, nil)
	if err != nil {
		return err
	}
	defer s.End()
	_, err = s.Ask(req, func(criu.Event) error { return nil })
	return o.explain(err, req.Kind)
}

// checkDump refuses what would come back as something else, or not at all.
func checkDump(spec *specs.Spec) error {
	for _, m := range spec.Mounts {
		if len(m.UIDMappings) > 0 || slices.Contains(m.Options, "idmap") || slices.Contains(m.Options, "ridmap") {
			return fault.New(fault.Unsupported, "The container cannot be checkpointed: criu does not know mounts with users of their own, as %s is.", m.Destination)
		}
	}
	return nil
}

// dumpOutside tells criu what is not the container's own.
func dumpOutside(req *criu.Request, rec store.Record, spec *specs.Spec) (keys []string, err error) {
	g, err := group(rec)
	if err != nil {
		return nil, err
	}
	if g != nil {
		if p, ok := g.Place("freezer"); ok && !p.Unified {
			req.FreezeCgroup = p.Dir
		} else if p, ok := g.Tree(); ok {
			req.FreezeCgroup = p.Dir
		}
	}
	mounts, err := mountsOf(rec.Pid)
	if err != nil {
		return nil, err
	}
	keys, external := dumpStreams(rec.Pid, mounts)
	spaces, err := dumpNamespaces(spec, rec.Pid)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenFile("/proc/"+itoa(rec.Pid)+"/root", unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "The container's root cannot be opened")
	}
	defer root.Close()
	destinations, err := resolved(root, spec)
	if err != nil {
		return nil, err
	}
	req.Places.External = slices.Concat(dumpMounts(spec, destinations, mountPoints(mounts)), spaces, external)
	return keys, nil
}

// mountsOf are all mounts of a process's, seen from its root.
func mountsOf(pid int) ([]*mountinfo.Info, error) {
	f, err := os.Open("/proc/" + itoa(pid) + "/mountinfo")
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "The container's mounts cannot be read")
	}
	defer f.Close()
	list, err := mountinfo.GetMountsFromReader(f, nil)
	return list, fault.Wrap(fault.Internal, err, "The container's mounts cannot be read")
}

// open opens the directories. Those of a checkpoint are made if need be.
func (o *ImageOptions) open(req *criu.Request, create bool) (done func(), err error) {
	if o.Images == "" {
		return nil, fault.New(fault.Invalid, "invalid directory: --image-path says where the checkpoint is")
	}
	if o.Work == "" {
		o.Work = o.Images
	}
	var files []*os.File
	done = func() {
		for _, f := range files {
			f.Close()
		}
	}
	for _, dir := range []struct {
		path   string
		to     *int
		create bool
	}{{o.Images, &req.Images, create}, {o.Work, &req.Work, true}} {
		f, err := openDir(dir.path, dir.create)
		if err != nil {
			done()
			return nil, err
		}
		files = append(files, f)
		*dir.to = int(f.Fd())
	}
	_ = os.Remove(filepath.Join(o.Work, req.Kind.LogFile())) // an old one would tell of something else
	req.Flags, req.CgroupMode = o.Flags, o.CgroupMode
	if o.EmptyNet {
		req.EmptyNs = unix.CLONE_NEWNET
	}
	// The iptables program need not be there; criu can speak to nftables itself.
	_, missing := exec.LookPath("iptables-restore")
	req.Nftables = missing != nil
	return done, nil
}

func openDir(path string, create bool) (*os.File, error) {
	if create {
		if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fault.Wrap(fault.Invalid, err, "The directory of the checkpoint cannot be made")
		}
	}
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY, 0)
	return f, fault.Wrap(fault.Invalid, err, "The directory of the checkpoint cannot be opened")
}

// checkParent refuses a path that criu would not find: it is relative to the images.
func (o *CheckpointOptions) checkParent() error {
	if o.Parent == "" {
		return nil
	}
	if filepath.IsAbs(o.Parent) {
		return fault.New(fault.Invalid, "--parent-path is relative to --image-path, not %s", o.Parent)
	}
	st, err := os.Stat(filepath.Join(o.Images, o.Parent))
	if err == nil && !st.IsDir() {
		err = unix.ENOTDIR
	}
	return fault.Wrap(fault.Invalid, err, "invalid parent path")
}

// configFile is what criu reads more options from; they are runc's place and annotation.
func configFile(spec *specs.Spec) string {
	if file, ok := spec.Annotations["org.criu.config"]; ok {
		return file
	}
	return "/etc/criu/runc.conf"
}

// explain adds what criu's log says, and where it is.
func (o *ImageOptions) explain(err error, kind criu.Kind) error {
	if err == nil {
		return nil
	}
	file := filepath.Join(o.Work, kind.LogFile())
	log, readErr := os.ReadFile(file)
	if readErr != nil {
		return err // it did not come that far
	}
	if lines := criu.Errors(string(log)); len(lines) > 0 {
		return fault.Wrap(fault.KindOf(err), err, "%s; the log is %s", strings.Join(lines, "; "), file)
	}
	return fault.Wrap(fault.KindOf(err), err, "The log is %s", file)
}
