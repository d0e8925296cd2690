package ocispec

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"berth/internal/container/config"
	"berth/internal/container/netfiles"
	"berth/internal/fault"
	"berth/internal/runtime"
)

func TestMountsOfTheUserReplaceOursAndShallowOnesComeFirst(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(dir+"/real", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/real", dir+"/link"); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenFile(dir, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	show := func(hc config.HostConfig) string {
		t.Helper()
		w := Wish{HostConfig: hc, Files: netfiles.Paths{ResolvConf: "/r", Hostname: "/n", Hosts: "/h"}}
		list, err := w.mounts(root, runtime.DefaultMounts(runtime.Sandbox{HostIPC: hc.IpcMode == "host"}))
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, m := range list {
			out = append(out, m.Destination)
		}
		return strings.Join(out, " ")
	}
	ours := "/proc /dev /dev/pts /sys /sys/fs/cgroup /dev/mqueue /dev/shm"
	net := "/etc/resolv.conf /etc/hostname /etc/hosts"
	for _, c := range []struct {
		hc   config.HostConfig
		want string
	}{
		{config.HostConfig{}, ours + " " + net},
		{config.HostConfig{Mounts: []config.Mount{{Type: "bind", Source: "/x", Target: "/etc"}}}, ours + " /etc " + net},
		{config.HostConfig{Mounts: []config.Mount{{Type: "bind", Source: "/x", Target: "/etc/hosts"}}}, ours + " /etc/hosts /etc/resolv.conf /etc/hostname"},
		{config.HostConfig{Mounts: []config.Mount{{Type: "bind", Source: "/x", Target: "/a/b/c"}, {Type: "bind", Source: "/x", Target: "/a/"}}}, ours + " /a " + net + " /a/b/c"},
		{config.HostConfig{Mounts: []config.Mount{{Type: "bind", Source: "/dev", Target: "/dev"}}}, "/proc /sys /sys/fs/cgroup /dev " + net},
		{config.HostConfig{Tmpfs: map[string]string{"/dev/shm": "", "/b": "", "/a": ""}}, strings.TrimSuffix(ours, " /dev/shm") + " /a /b /dev/shm " + net},
		{config.HostConfig{IpcMode: "host"}, strings.TrimSuffix(ours, " /dev/shm") + " /dev/shm " + net},
		{config.HostConfig{Mounts: []config.Mount{{Type: "bind", Source: "/x", Target: "/link/y"}}}, ours + " /real/y " + net},
	} {
		if got := show(c.hc); got != c.want {
			t.Errorf("%+v\n got %s\nwant %s", c.hc, got, c.want)
		}
	}
}

func TestMountOptionsAreDockers(t *testing.T) {
	shared := make([]string, 1, 4)
	shared[0] = "uid=1"
	for _, c := range []struct {
		in   config.Mount
		want string
	}{
		{config.Mount{Type: "bind", Source: "/s", Target: "/t"}, "bind /s rbind,rprivate"},
		{config.Mount{Type: "bind", Source: "/s", Target: "/t", ReadOnly: true, Propagation: "private"}, "bind /s rbind,private,ro,rro"},
		{config.Mount{Type: "bind", Source: "/s", Target: "/t", ReadOnly: true, ReadOnlyTop: true}, "bind /s rbind,rprivate,ro"},
		{config.Mount{Type: "bind", Source: "/s", Target: "/t", ReadOnly: true, ReadOnlyAll: true}, "bind /s rbind,rprivate,ro,rro"},
		{config.Mount{Type: "bind", Source: "/s", Target: "/t", ReadOnly: true, NonRecursive: true}, "bind /s bind,rprivate,ro"},
		{config.Mount{Type: "tmpfs", Target: "/t"}, "tmpfs tmpfs noexec,nosuid,nodev,rprivate"},
		{config.Mount{Type: "image", Source: "i:1", Target: "/t", ImageID: "sha256:1"}, "bind image on /t rbind,rprivate,ro,rro"},
		{config.Mount{Type: "tmpfs", Target: "/t", ReadOnly: true, SizeBytes: 64, Mode: 0o1777, Options: shared}, "tmpfs tmpfs noexec,nosuid,nodev,rprivate,uid=1,ro,size=64,mode=1777"},
	} {
		m, err := Wish{}.mount(nil, c.in)
		if got := m.Type + " " + m.Source + " " + strings.Join(m.Options, ","); err != nil || got != c.want {
			t.Errorf("%+v: %s, %v", c.in, got, err)
		}
	}
	if shared = shared[:2]; shared[1] != "" {
		t.Error("the container's own options were written to")
	}
	if _, err := (Wish{}).mount(nil, config.Mount{Type: "npipe"}); !fault.Is(err, fault.Unsupported) {
		t.Error(err)
	}
}
