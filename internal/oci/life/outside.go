//go:build linux

package life

import (
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/sys/mountinfo"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/linux/mount"
	"berth/internal/oci/criu"
)

// What a container has from outside cannot be in its images: each such thing gets a key
// when it is written, and the key a thing when it is restored. The keys of mounts,
// namespaces and pipes are runc's, so that either runtime restores what the other wrote.

const nullDevice = "/dev/null"

// dumpMounts names the mounts that are from outside, of those that there are: what
// is shown of its file system, by the place.
func dumpMounts(spec *specs.Spec, destinations []string, there map[string]string) []string {
	var out []string
	for _, p := range slices.Concat(destinations, devicePaths(spec)) {
		if _, mounted := there[p]; mounted {
			out = append(out, "mnt["+p+"]:"+p)
		}
	}
	for _, p := range spec.Linux.MaskedPaths {
		// A directory is covered with a tmpfs of the container's own, a file with the host's null device.
		p = path.Clean(p)
		if shown, mounted := there[p]; mounted && shown != "/" {
			out = append(out, "mnt["+p+"]:"+nullDevice)
		}
	}
	return out
}

// restoreMounts gives them what they show now.
func restoreMounts(spec *specs.Spec) []string {
	out := []string{"mnt[" + nullDevice + "]:" + nullDevice}
	for _, m := range spec.Mounts {
		if bind(m) {
			out = append(out, "mnt["+m.Destination+"]:"+m.Source)
		}
	}
	for _, p := range devicePaths(spec) {
		if p != nullDevice {
			out = append(out, "mnt["+p+"]:"+p)
		}
	}
	return out
}

// devicePaths are where a container in a user namespace has the host's devices mounted.
func devicePaths(spec *specs.Spec) []string {
	out := []string{nullDevice, "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"}
	for _, d := range spec.Linux.Devices {
		out = append(out, path.Clean(d.Path))
	}
	return out
}

// resolved is a spec whose bind mounts have their destinations without symbolic links.
func resolved(root *os.File, spec *specs.Spec) ([]string, error) {
	var out []string
	for i, m := range spec.Mounts {
		if !bind(m) {
			continue
		}
		at, err := mount.ResolveIn(root, m.Destination)
		if err != nil {
			return nil, err
		}
		spec.Mounts[i].Destination = at
		out = append(out, at)
	}
	return out, nil
}

// mountPoints are all of a process's, seen from its root, with what each shows.
func mountPoints(list []*mountinfo.Info) map[string]string {
	out := map[string]string{}
	for _, m := range list {
		out[m.Mountpoint] = m.Root
	}
	return out
}

// joined are the kinds of namespaces that can be a container's by path, with criu's names.
func joined(t specs.LinuxNamespaceType) (kind string, external bool) {
	switch t {
	case specs.NetworkNamespace:
		return "net", true
	case specs.PIDNamespace:
		return "pid", true
	}
	return string(t), false
}

// namespaceKey is runc's name for a namespace that comes from outside.
func namespaceKey(kind string) string {
	return "extRoot" + strings.ToUpper(kind[:1]) + kind[1:] + "NS"
}

// dumpNamespaces names the namespaces that were given by path and stay where they are.
func dumpNamespaces(spec *specs.Spec, pid int) ([]string, error) {
	var out []string
	for _, ns := range spec.Linux.Namespaces {
		kind, external := joined(ns.Type)
		if ns.Path == "" || !external {
			continue
		}
		var st unix.Stat_t // of what it is in: the path may lead elsewhere by now
		if err := unix.Stat("/proc/"+itoa(pid)+"/ns/"+kind, &st); err != nil {
			return nil, fault.Wrap(fault.Internal, err, "The container's %s namespace cannot be looked at", ns.Type)
		}
		out = append(out, kind+"["+strconv.FormatUint(st.Ino, 10)+"]:"+namespaceKey(kind))
	}
	return out, nil
}

// descriptorsFile is where runc keeps what a container's standard streams were.
const descriptorsFile = "descriptors.json"

// fileKey begins criu's name of a file by its mount and inode.
const fileKey = "file["

// stream is one standard stream of a process.
type stream struct {
	link  string // of /proc/PID/fd
	mount int
	inode uint64
	kind  uint32 // S_IFMT
}

// key is what criu calls the stream when it is from outside; external is what
// it has to be told of it.
func (s stream) key(there []int) (key, external string) {
	switch {
	case strings.HasPrefix(s.link, "pipe:["):
		return s.link, ""
	case s.kind == unix.S_IFIFO, s.kind == unix.S_IFREG, s.kind == unix.S_IFCHR:
		if slices.Contains(there, s.mount) {
			return s.link, "" // the container's own
		}
		id := fileKey + strconv.FormatInt(int64(s.mount), 16) + ":" + strconv.FormatUint(s.inode, 16) + "]"
		return id, id
	}
	return s.link, ""
}

// inherit gives the streams of before the place of ours.
func inherit(keys []string) []criu.Inherit {
	var out []criu.Inherit
	for i, key := range keys {
		if i < 3 && (strings.HasPrefix(key, "pipe:[") || strings.HasPrefix(key, fileKey)) {
			out = append(out, criu.Inherit{Key: key, Fd: i})
		}
	}
	return out
}

// dumpStreams looks at the standard streams of a process with some mounts.
func dumpStreams(pid int, mounts []*mountinfo.Info) (keys, external []string) {
	there := make([]int, len(mounts))
	for i, m := range mounts {
		there[i] = m.ID
	}
	for fd := range 3 {
		key, more := streamOf(pid, fd).key(there)
		keys = append(keys, key)
		if more != "" && !slices.Contains(external, more) {
			external = append(external, more)
		}
	}
	return keys, external
}

// streamOf is one of them; nothing is known of one that is closed.
func streamOf(pid, fd int) (s stream) {
	name := "/proc/" + itoa(pid) + "/fd/" + itoa(fd)
	s.link, _ = os.Readlink(name)
	var st unix.Stat_t
	if unix.Stat(name, &st) == nil {
		s.inode, s.kind = st.Ino, st.Mode&unix.S_IFMT
	}
	info, _ := os.ReadFile("/proc/" + itoa(pid) + "/fdinfo/" + itoa(fd))
	for line := range strings.Lines(string(info)) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == "mnt_id:" {
			s.mount, _ = strconv.Atoi(f[1])
		}
	}
	return s
}

// readDescriptors reads what the streams were.
func readDescriptors(images string) (keys []string, err error) {
	data, err := os.ReadFile(filepath.Join(images, descriptorsFile))
	if err == nil {
		err = json.Unmarshal(data, &keys)
	}
	return keys, fault.Wrap(fault.Invalid, err, "The checkpoint in %s cannot be read", images)
}
