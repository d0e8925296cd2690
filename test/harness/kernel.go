//go:build linux

package harness

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/moby/sys/mountinfo"
	"github.com/vishvananda/netlink"
)

// entries lists a directory but for names that may be there.
func entries(dir string, allowed ...string) []string {
	found, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return []string{err.Error()}
	}
	var names []string
	for _, e := range found {
		if !slices.Contains(allowed, e.Name()) {
			names = append(names, "file "+filepath.Join(dir, e.Name()))
		}
	}
	return names
}

func subdirs(dir string) []string {
	found, err := os.ReadDir(dir)
	if err != nil {
		return nil // never made
	}
	var names []string
	for _, e := range found {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

func mountsBelow(pid, dir string) []string {
	f, err := os.Open("/proc/" + pid + "/mountinfo")
	if err != nil {
		return nil // the process has ended
	}
	defer f.Close()
	mounts, err := mountinfo.GetMountsFromReader(f, func(m *mountinfo.Info) (skip, stop bool) {
		return !strings.HasPrefix(m.Mountpoint, dir+"/") && !strings.Contains(m.VFSOptions, "="+dir+"/"), false
	})
	if err != nil {
		return nil
	}
	var left []string
	for _, m := range mounts {
		left = append(left, "mount "+m.Mountpoint+" in the namespace of process "+pid)
	}
	return left
}

// descriptors of a daemon or keeper that belong to a container that is gone:
// terminals, its files, and deleted files. The image library opens one such
// file at every start, and leaves it to the garbage collector.
func descriptors(pid, containers string) []string {
	found, err := os.ReadDir("/proc/" + pid + "/fd")
	if err != nil {
		return nil
	}
	var left []string
	for _, e := range found {
		to, err := os.Readlink("/proc/" + pid + "/fd/" + e.Name())
		if err != nil {
			continue
		}
		if strings.HasPrefix(to, "/dev/pt") || strings.HasPrefix(to, containers) || strings.Contains(to, "(deleted)") && !strings.Contains(to, "/.fsverity-check-") {
			left = append(left, fmt.Sprintf("descriptor %s of process %s: %s", e.Name(), pid, to))
		}
	}
	return left
}

// sockets lists the unix sockets below a directory that somebody still has.
func sockets(dir string) []string {
	b, err := os.ReadFile("/proc/net/unix")
	if err != nil {
		return []string{err.Error()}
	}
	var left []string
	for line := range strings.Lines(string(b)) {
		words := strings.Fields(line)
		if path := words[len(words)-1]; strings.HasPrefix(path, dir+"/") {
			left = append(left, "socket "+path)
		}
	}
	return left
}

// linksOf lists those of the links that are still there.
func linksOf(ports map[int]string) []string {
	var left []string
	for index, name := range ports {
		if l, err := netlink.LinkByIndex(index); err == nil && l.Attrs().Name == name {
			left = append(left, "link "+name)
		}
	}
	return left
}

func tables(name string) []string {
	conn, err := nftables.New()
	if err != nil {
		return []string{err.Error()}
	}
	all, err := conn.ListTables()
	if err != nil {
		return []string{err.Error()}
	}
	var left []string
	for _, t := range all {
		if t.Name == name {
			left = append(left, "nftables table "+name)
		}
	}
	return left
}
