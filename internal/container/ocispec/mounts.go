package ocispec

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/container/config"
	"berth/internal/container/pid1"
	"berth/internal/fault"
	"berth/internal/linux/mount"
)

// mounts puts the user's mounts, and the files of the network, behind the
// default ones; one of the user's at the same place replaces ours. Shallow ones
// come first, so that none hides another: /etc/hosts is seen in a user's /etc.
func (w Wish) mounts(root *os.File, defaults []specs.Mount) ([]specs.Mount, error) {
	list, err := w.userMounts(root)
	if err != nil {
		return nil, err
	}
	taken := map[string]bool{}
	for _, m := range list {
		taken[path.Clean(m.Destination)] = true
	}
	if w.HostConfig.IpcMode == "host" || w.sharesShm() {
		defaults = append(defaults, specs.Mount{Destination: shm, Type: "bind", Source: shm, Options: []string{"rbind"}})
	}
	defaults = slices.DeleteFunc(defaults, func(m specs.Mount) bool {
		return taken[m.Destination] || taken["/dev"] && strings.HasPrefix(m.Destination, "/dev/")
	})
	mode := "rw"
	if w.HostConfig.ReadonlyRootfs {
		mode = "ro"
	}
	for _, f := range [][2]string{{"/etc/resolv.conf", w.Files.ResolvConf}, {"/etc/hostname", w.Files.Hostname}, {"/etc/hosts", w.Files.Hosts}} {
		if !taken[f[0]] {
			list = append(list, specs.Mount{Destination: f[0], Type: "bind", Source: f[1], Options: []string{"rbind", "rprivate", mode}})
		}
	}
	if w.Init != "" && !taken[pid1.Path] {
		list = append(list, specs.Mount{Destination: pid1.Path, Type: "bind", Source: w.Init, Options: []string{"bind", "rprivate", "ro"}})
	}
	slices.SortStableFunc(list, func(a, b specs.Mount) int {
		return strings.Count(path.Clean(a.Destination), "/") - strings.Count(path.Clean(b.Destination), "/")
	})
	return resolve(root, append(defaults, list...))
}

// userMounts are the mounts that the user asked for, in the order of the words.
func (w Wish) userMounts(root *os.File) (list []specs.Mount, err error) {
	for _, m := range w.HostConfig.Mounts {
		om, err := w.mount(root, m)
		if err != nil {
			return nil, err
		}
		list = append(list, om)
	}
	for _, target := range slices.Sorted(maps.Keys(w.HostConfig.Tmpfs)) {
		opts := strings.FieldsFunc(w.HostConfig.Tmpfs[target], func(r rune) bool { return r == ',' })
		list = append(list, tmpfs(target, opts))
	}
	return list, nil
}

// resolve follows the links of the image in the mounts' destinations, also
// those that lead to nothing. The engine's own mounts stay where they belong:
// a link in their place fails the start.
func resolve(root *os.File, mounts []specs.Mount) ([]specs.Mount, error) {
	for i, m := range mounts {
		if m.Type != "bind" && m.Type != "tmpfs" || strings.HasPrefix(m.Destination+"/", "/dev/") {
			continue
		}
		to, err := mount.ResolveIn(root, m.Destination)
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, err, "the mount destination %s cannot be resolved", m.Destination)
		}
		mounts[i].Destination = to
	}
	return mounts, nil
}

func (w Wish) mount(root *os.File, m config.Mount) (specs.Mount, error) {
	om := specs.Mount{Destination: path.Clean(m.Target), Type: "bind", Source: m.Source}
	switch m.Type {
	case "bind":
	case "image":
		om.Source, om.Options = imageSource+m.Target, []string{"rbind", "rprivate", "ro", "rro"}
		return om, nil
	case "volume":
		dir, err := w.VolumeDir(m.Source)
		if err != nil {
			return om, err
		}
		om.Source = path.Join(dir, m.Subpath)
	case "tmpfs":
		opts := slices.Clip(m.Options) // the snapshot's, which others read
		if m.ReadOnly {
			opts = append(opts, "ro")
		}
		if m.SizeBytes > 0 {
			opts = append(opts, fmt.Sprintf("size=%d", m.SizeBytes))
		}
		if m.Mode != 0 {
			opts = append(opts, fmt.Sprintf("mode=%o", m.Mode))
		}
		return tmpfs(m.Target, opts), nil
	default:
		return om, fault.New(fault.Unsupported, "mounts of type %q are not supported yet", m.Type)
	}
	if err := shared(m, om.Source); err != nil && !(m.Propagation == "rslave" && w.Root != "" && config.Related(m.Source, w.Root)) {
		return om, err
	}
	bind := "rbind"
	if m.NonRecursive {
		bind = "bind"
	}
	om.Options = append([]string{bind, cmp.Or(m.Propagation, "rprivate")}, m.Options...)
	switch {
	case m.ReadOnly && (m.ReadOnlyTop || m.NonRecursive):
		om.Options = append(om.Options, "ro")
	case m.ReadOnly:
		om.Options = append(om.Options, "ro", "rro")
	}
	return om, w.mapOwners(root, m, &om)
}

// tmpfs is a tmpfs mount with Docker's defaults, which the options override.
func tmpfs(target string, opts []string) specs.Mount {
	return specs.Mount{Destination: path.Clean(target), Type: "tmpfs", Source: "tmpfs",
		Options: append([]string{"noexec", "nosuid", "nodev", "rprivate"}, opts...)}
}
