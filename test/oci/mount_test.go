//go:build linux

package oci

import (
	"os"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func TestAUserNamespaceMapsTheOwnersOfAnIdMappedMount(t *testing.T) {
	b := newBundle(t, "id; cat /proc/self/uid_map; stat -c %u /data/file; touch /data/new")
	b.must(os.Mkdir(b.path("host"), 0o755))
	b.must(os.WriteFile(b.path("host/file"), nil, 0o644))
	b.spec.Linux.Namespaces = append(b.spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
	ids := []specs.LinuxIDMapping{{HostID: 100000, Size: 65536}}
	b.spec.Linux.UIDMappings, b.spec.Linux.GIDMappings = ids, ids
	b.spec.Mounts = append(b.spec.Mounts, specs.Mount{Destination: "/data", Type: "bind", Source: b.path("host"), Options: []string{"bind", "idmap"}})
	b.save()
	out := b.ok("run", "-b", b.dir, "a")
	if f := strings.Fields(out); strings.Join(f, " ") != "uid=0 gid=0 0 100000 65536 0" {
		t.Errorf("%q", out)
	}
	var st unix.Stat_t
	if err := unix.Stat(b.path("host/new"), &st); err != nil || st.Uid != 0 {
		t.Errorf("the file belongs to %d: %v", st.Uid, err)
	}
}

func TestATmpfsBeginsAsACopy(t *testing.T) {
	b := newBundle(t, "stat -c '%a %u %n' /data /data/dir /data/dir/file; readlink /data/link; touch /data/new")
	b.must(os.Mkdir(b.path("rootfs/data/dir"), 0o750))
	b.must(os.WriteFile(b.path("rootfs/data/dir/file"), []byte("text\n"), 0o640))
	b.must(os.Chown(b.path("rootfs/data/dir/file"), 12, 13))
	b.must(os.Symlink("/nowhere", b.path("rootfs/data/link")))
	b.must(os.Chmod(b.path("rootfs/data"), 0o711))
	b.spec.Mounts = append(b.spec.Mounts, specs.Mount{Destination: "/data", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "tmpcopyup", "size=1m"}})
	b.save()
	if out := b.ok("run", "-b", b.dir, "a"); out != "711 0 /data\n750 0 /data/dir\n640 12 /data/dir/file\n/nowhere\n" {
		t.Errorf("%q", out)
	}
	if _, err := os.Stat(b.path("rootfs/data/new")); err == nil {
		t.Error("the container wrote to what is below")
	}
}

func TestWhatAContainerMountsIsNotSeenOnTheHost(t *testing.T) {
	b := newBundle(t, "mount -t tmpfs none /data && touch /data/inside")
	for _, set := range []*[]string{&b.spec.Process.Capabilities.Bounding, &b.spec.Process.Capabilities.Effective, &b.spec.Process.Capabilities.Permitted} {
		*set = append(*set, "CAP_SYS_ADMIN")
	}
	b.save()
	b.ok("run", "-b", b.dir, "a")
	if _, err := os.Stat(b.path("rootfs/data/inside")); err == nil {
		t.Error("it is")
	}
}
