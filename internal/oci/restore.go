//go:build linux

package oci

import (
	"berth/internal/fault"
	"berth/internal/oci/life"
)

func (c *command) restore(args []string) (int, error) {
	var o life.RestoreOptions
	fs := flags("restore")
	imageFlags(fs, &o.ImageOptions)
	fs.StringVar(&o.Bundle, "bundle", ".", "")
	fs.StringVar(&o.Bundle, "b", ".", "")
	fs.StringVar(&o.ConsoleSocket, "console-socket", "", "")
	fs.StringVar(&o.PidFile, "pid-file", "", "")
	fs.BoolVar(&o.NoPivot, "no-pivot", false, "")
	fs.BoolVar(&o.Detach, "detach", false, "")
	fs.BoolVar(&o.Detach, "d", false, "")
	fs.StringVar(&o.LSMProfile, "lsm-profile", "", "")
	fs.BoolVar(new(bool), "no-subreaper", false, "") // this runtime is never one
	refuse(fs, "only the security module's profile can be changed", "lsm-mount-context")
	if err := parse(fs, args, 1, 1); err != nil {
		return 0, err
	}
	o.ID = fs.Arg(0)
	defaultImages(&o.ImageOptions)
	code, err := life.Restore(c.r, o)
	return code, fault.Wrap(fault.KindOf(err), err, "restore failed")
}
