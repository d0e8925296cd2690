//go:build linux

package runtime

import (
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// mountOptions is a mount's options taken apart.
type mountOptions struct {
	attr          mountAttr // of the mount itself
	recursiveAttr mountAttr // of the mount and everything below it
	propagation   uint64    // 0 when not given
	spread        bool      // the propagation is for everything below it too
	bind, rbind   bool
	remount       bool
	prepared      string      // the option for which somebody else has to make the mount
	flags         []string    // for the file system, without a value
	values        [][2]string // for the file system
}

type flagOption struct {
	attr  uint64
	clear bool
}

// attrOptions are the options that mount_setattr(2) knows; with an r in
// front ("rro") they are for the whole tree.
func attrOptions() map[string]flagOption {
	return map[string]flagOption{
		"ro": {unix.MOUNT_ATTR_RDONLY, false}, "rw": {unix.MOUNT_ATTR_RDONLY, true},
		"nosuid": {unix.MOUNT_ATTR_NOSUID, false}, "suid": {unix.MOUNT_ATTR_NOSUID, true},
		"nodev": {unix.MOUNT_ATTR_NODEV, false}, "dev": {unix.MOUNT_ATTR_NODEV, true},
		"noexec": {unix.MOUNT_ATTR_NOEXEC, false}, "exec": {unix.MOUNT_ATTR_NOEXEC, true},
		"nodiratime": {unix.MOUNT_ATTR_NODIRATIME, false}, "diratime": {unix.MOUNT_ATTR_NODIRATIME, true},
		"nosymfollow": {unix.MOUNT_ATTR_NOSYMFOLLOW, false}, "symfollow": {unix.MOUNT_ATTR_NOSYMFOLLOW, true},
		"noatime": {unix.MOUNT_ATTR_NOATIME, false}, "atime": {unix.MOUNT_ATTR_NOATIME, true},
		"strictatime": {unix.MOUNT_ATTR_STRICTATIME, false}, "nostrictatime": {unix.MOUNT_ATTR_STRICTATIME, true},
		"relatime": {unix.MOUNT_ATTR_RELATIME, false}, "norelatime": {unix.MOUNT_ATTR_RELATIME, true},
	}
}

type propagationOption struct {
	flag   uint64
	spread bool
}

func propagationOptions() map[string]propagationOption {
	return map[string]propagationOption{
		"private": {unix.MS_PRIVATE, false}, "rprivate": {unix.MS_PRIVATE, true},
		"slave": {unix.MS_SLAVE, false}, "rslave": {unix.MS_SLAVE, true},
		"shared": {unix.MS_SHARED, false}, "rshared": {unix.MS_SHARED, true},
		"unbindable": {unix.MS_UNBINDABLE, false}, "runbindable": {unix.MS_UNBINDABLE, true},
	}
}

// parseOptions takes the options of a mount apart. The last of contradicting
// ones wins, as with mount(8).
func parseOptions(m specs.Mount) (mountOptions, error) {
	o := mountOptions{bind: m.Type == "bind"}
	attrs, propagations := attrOptions(), propagationOptions()
	for _, option := range m.Options {
		switch option {
		case "", "defaults":
			continue
		case "bind":
			o.bind = true
			continue
		case "rbind":
			o.bind, o.rbind = true, true
			continue
		case "tmpcopyup", "idmap", "ridmap":
			o.prepared = option
			continue
		case "remount":
			o.remount = true
			continue
		case "loud", "silent", "nomand", "noiversion":
			continue // what it is anyway, or about the kernel's log only
		case "async":
			if o.bind {
				continue
			}
		}
		if p, ok := propagations[option]; ok {
			o.propagation, o.spread = p.flag, p.spread
		} else if f, ok := attrs[option]; ok {
			o.attr.change(f)
		} else if f, ok := attrs[strings.TrimPrefix(option, "r")]; ok {
			o.recursiveAttr.change(f)
		} else if key, value, ok := strings.Cut(option, "="); ok {
			o.values = append(o.values, [2]string{key, value})
		} else {
			o.flags = append(o.flags, option)
		}
	}
	if len(m.UIDMappings)+len(m.GIDMappings) > 0 && o.prepared == "" {
		o.prepared = "idmap"
	}
	if o.bind && len(o.flags)+len(o.values) > 0 {
		// The file system exists and has its options; mount(2) says that a bind
		// takes none, and so specs that are in use have some.
		o.flags, o.values = nil, nil
	}
	for _, option := range m.Options { // fsconfig(2) takes no more
		if len(option) >= 256 {
			return o, fault.New(fault.Invalid, "An option of the mount on %s is longer than 255 bytes.", m.Destination)
		}
	}
	return o, nil
}

// change adds an option to what mount_setattr(2) is to set and clear. The
// modes of access times are one field that has to be cleared as a whole.
func (a *mountAttr) change(f flagOption) {
	switch {
	case f.attr&unix.MOUNT_ATTR__ATIME != 0 || f.attr == unix.MOUNT_ATTR_RELATIME:
		a.set &^= unix.MOUNT_ATTR__ATIME
		a.clear |= unix.MOUNT_ATTR__ATIME
		if !f.clear {
			a.set |= f.attr
		}
	case f.clear:
		a.set &^= f.attr
		a.clear |= f.attr
	default:
		a.set |= f.attr
		a.clear &^= f.attr
	}
}

func (a mountAttr) isZero() bool { return a == mountAttr{} }
