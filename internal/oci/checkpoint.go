//go:build linux

package oci

import (
	"flag"

	"berth/internal/fault"
	"berth/internal/oci/criu"
	"berth/internal/oci/life"
)

// imageFlags are the flags that checkpoint and restore share.
func imageFlags(fs *flag.FlagSet, o *life.ImageOptions) {
	fs.StringVar(&o.Images, "image-path", "", "")
	fs.StringVar(&o.Work, "work-path", "", "")
	for name, to := range map[string]*bool{
		"tcp-established": &o.Flags.TCPEstablished, "ext-unix-sk": &o.Flags.ExtUnixSk, "shell-job": &o.Flags.ShellJob,
		"file-locks": &o.Flags.FileLocks, "auto-dedup": &o.Flags.AutoDedup,
	} {
		fs.BoolVar(to, name, false, "")
	}
	o.CgroupMode, _ = criu.ParseCgroupMode("")
	fs.Func("manage-cgroups-mode", "", func(name string) (err error) {
		mode, ok := criu.ParseCgroupMode(name)
		if !ok {
			return fault.New(fault.Invalid, "invalid manage-cgroups-mode value: %q (it is soft, full, strict or ignore)", name)
		}
		o.CgroupMode = mode
		return nil
	})
	fs.Func("empty-ns", "", func(name string) error {
		if name != "network" {
			return fault.New(fault.Unsupported, "namespace %s is not supported by --empty-ns, only network is", name)
		}
		o.EmptyNet = true
		return nil
	})
	refuse(fs, "pages that come later need a server beside the container, which this runtime does not start", "lazy-pages")
}

// refuse makes flags of runc's that are not supported say so.
func refuse(fs *flag.FlagSet, why string, names ...string) {
	for _, name := range names {
		refused := func(string) error { return fault.New(fault.Unsupported, "--%s is not supported: %s", name, why) }
		if name == "lazy-pages" {
			fs.BoolFunc(name, "", refused)
		} else {
			fs.Func(name, "", refused)
		}
	}
}

func (c *command) checkpoint(args []string) (int, error) {
	var o life.CheckpointOptions
	fs := flags("checkpoint")
	imageFlags(fs, &o.ImageOptions)
	fs.BoolVar(&o.Flags.LeaveRunning, "leave-running", false, "")
	fs.BoolVar(&o.PreDump, "pre-dump", false, "")
	fs.StringVar(&o.Parent, "parent-path", "", "")
	refuse(fs, "it is for pages that come later", "status-fd", "page-server")
	if err := parse(fs, args, 1, 1); err != nil {
		return 0, err
	}
	o.ID = fs.Arg(0)
	defaultImages(&o.ImageOptions)
	err := life.Checkpoint(c.r, o)
	return 0, fault.Wrap(fault.KindOf(err), err, "checkpoint failed")
}

// defaultImages is runc's directory when none is given.
func defaultImages(o *life.ImageOptions) {
	if o.Images == "" {
		o.Images = "checkpoint"
	}
}
