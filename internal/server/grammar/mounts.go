package grammar

import (
	"encoding/json"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/mount"

	"berth/internal/container/config"
	"berth/internal/fault"
	"berth/internal/idmap"
)

// takeMounts moves mounts, those of -v first, as Docker orders them.
func takeMounts(from *HostConfig, to *config.HostConfig) error {
	for _, word := range to.Binds {
		m, err := ParseBind(word, to.VolumeDriver)
		if err != nil {
			return err
		}
		to.Mounts = append(to.Mounts, m)
	}
	mounts := take(&from.Mounts)
	for i := range mounts {
		m, err := parseMount(&mounts[i])
		if err != nil {
			return err
		}
		to.Mounts = append(to.Mounts, m)
	}
	for target, options := range to.Tmpfs {
		if err := checkTmpfsTarget(target); err != nil {
			return err
		}
		if err := checkTmpfsOptions(options); err != nil {
			return err
		}
	}
	return nil
}

// checkTmpfsTarget checks the path of a --tmpfs, for which Docker has a parser of its own.
func checkTmpfsTarget(target string) error {
	switch {
	case !path.IsAbs(target):
		return fault.New(fault.Invalid, "invalid mount path: '%s' mount path must be absolute", target)
	case path.Clean(target) == "/":
		return fault.New(fault.Invalid, "invalid specification: destination can't be '/'")
	}
	return checkTarget(target, "tmpfs")
}

// checkTarget checks a path in the container, in the words of Docker's mount parser.
func checkTarget(target, kind string) error {
	switch {
	case target == "":
		return badMount(kind, "field Target must not be empty")
	case path.Clean(target) == "/":
		return badMount(kind, "invalid specification: destination can't be '/'")
	case !path.IsAbs(target):
		return badMount(kind, "invalid mount path: '%s' mount path must be absolute", target)
	case strings.ContainsRune(target, 0):
		return badMount(kind, "invalid mount path: it holds a NUL byte")
	}
	return nil
}

func badMount(kind, format string, args ...any) error {
	return fault.New(fault.Invalid, "invalid mount config for type %q: %s", kind, fmt.Sprintf(format, args...))
}

// parseMount reads one --mount. What is wrong is looked for in Docker's order.
func parseMount(from *idmap.Mount) (config.Mount, error) {
	said, err := json.Marshal(from)
	if err != nil {
		return config.Mount{}, fault.As(fault.Invalid, err)
	}
	m := config.Mount{
		Said:     said,
		Type:     string(take(&from.Type)),
		Source:   take(&from.Source),
		Target:   take(&from.Target),
		ReadOnly: take(&from.ReadOnly),
	}
	switch from.Consistency { // which is for Docker Desktop; all of them hold on Linux
	case "", mount.ConsistencyDefault, mount.ConsistencyFull, mount.ConsistencyCached, mount.ConsistencyDelegated:
		from.Consistency = ""
	}
	if err := checkTarget(m.Target, m.Type); err != nil {
		return m, err
	}
	if err := takeMountType(from, &m); err != nil {
		return m, err
	}
	m.Target = path.Clean(m.Target)
	return m, refuseRest("HostConfig.Mounts", from)
}

// takeMountType takes the options that belong to the type of a mount.
func takeMountType(from *idmap.Mount, m *config.Mount) error {
	switch m.Type {
	case "bind":
		return takeBind(from, m)
	case "volume":
		return takeVolume(from, m)
	case "tmpfs":
		return takeTmpfs(from, m)
	case "image":
		return takeImage(from, m)
	case "cluster":
		return fault.New(fault.Unsupported, "HostConfig.Mounts of type cluster needs a swarm, which this engine is not part of")
	}
	return badMount(m.Type, "mount type unknown")
}

// foreignOptions refuses options of another type than the mount's.
func foreignOptions(from *idmap.Mount, kind string) error {
	for _, o := range []struct {
		kind, field string
		set         bool
	}{
		{"bind", "BindOptions", from.BindOptions != nil},
		{"volume", "VolumeOptions", from.VolumeOptions != nil},
		{"image", "ImageOptions", from.ImageOptions != nil},
		{"tmpfs", "TmpfsOptions", from.TmpfsOptions != nil},
	} {
		if o.set && o.kind != kind {
			return badMount(kind, "field %s must not be specified", o.field)
		}
	}
	return nil
}

func takeVolume(from *idmap.Mount, m *config.Mount) error {
	m.ModeWords = volumeMode
	if err := foreignOptions(from, m.Type); err != nil {
		return err
	}
	if m.Source == "" && m.ReadOnly {
		return badMount("volume", "must not set ReadOnly mode when using anonymous volumes")
	}
	if o := from.VolumeOptions; o != nil {
		m.NoCopy, m.Subpath = take(&o.NoCopy), take(&o.Subpath)
		if m.Subpath != "" && m.Source == "" {
			return badMount("volume", "must not set Subpath when using anonymous volumes")
		}
		if m.Subpath != "" && !filepath.IsLocal(m.Subpath) {
			return badMount("volume", "subpath must be a relative path within the volume")
		}
		m.VolumeLabels, o.Labels = o.Labels, nil
		if d := o.DriverConfig; d != nil {
			m.Driver, m.DriverOptions = take(&d.Name), d.Options
			d.Options = nil
		}
		return refuseUnder("HostConfig.Mounts.VolumeOptions", o, finishSource(m))
	}
	return finishSource(m)
}

func takeTmpfs(from *idmap.Mount, m *config.Mount) error {
	if err := foreignOptions(from, m.Type); err != nil {
		return err
	}
	if m.Source != "" {
		return badMount("tmpfs", "field Source must not be specified")
	}
	o := from.TmpfsOptions
	if o == nil {
		return nil
	}
	if o.SizeBytes < 0 {
		return badMount("tmpfs", "invalid tmpfs size: %d", o.SizeBytes)
	}
	m.SizeBytes, m.Mode = take(&o.SizeBytes), uint32(take(&o.Mode))
	for _, words := range take(&o.Options) {
		option := strings.Join(words, "=")
		if len(words) == 0 || len(words) > 2 || !tmpfsOption(option) {
			return badMount("tmpfs", "invalid option %q", option)
		}
		m.Options = append(m.Options, option)
	}
	return nil
}

// refuseUnder passes err on, or refuses what is left of options.
func refuseUnder(where string, options any, err error) error {
	if err != nil {
		return err
	}
	return refuseRest(where, options)
}

// checkTmpfsOptions checks the words of --tmpfs after the colon.
func checkTmpfsOptions(options string) error {
	if options == "" {
		return nil
	}
	for _, o := range strings.Split(options, ",") {
		if !tmpfsOption(o) {
			return fault.New(fault.Invalid, "invalid tmpfs option %q", strings.SplitN(o, "=", 2))
		}
	}
	return nil
}

// tmpfsOption reports whether mount(8) knows the option for a tmpfs.
func tmpfsOption(o string) bool {
	if key, value, ok := strings.Cut(o, "="); ok {
		return value != "" && slices.Contains([]string{"size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol"}, key)
	}
	switch o {
	case "ro", "rw", "exec", "noexec", "suid", "nosuid", "dev", "nodev", "sync", "async", "dirsync", "mand", "nomand",
		"atime", "noatime", "diratime", "nodiratime", "relatime", "norelatime", "strictatime", "nostrictatime", "remount", "defaults":
		return true
	}
	return slices.Contains(mount.Propagations, mount.Propagation(o)) || strings.HasSuffix(o, "unbindable")
}
