//go:build linux

package runtime_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/runtime"
)

func TestTheDefaultContainerSeesItsOwnNamespacesMountsAndLimits(t *testing.T) {
	b := newBox(t, "hostname; echo pid $$; cat /proc/self/status; cat /proc/self/mountinfo; ls -l /dev; ls /proc/self/fd; pwd; id")
	b.spec.Hostname = "box"
	out, code := b.run()
	if code != 0 {
		t.Fatalf("exit code %d:\n%s", code, out)
	}
	wants(t, out, "box\n", "pid 1\n", "/dev/pts", "/dev/shm", "/dev/mqueue", "/sys/fs/cgroup", " / / rw", "ptmx -> pts/ptmx", "fd -> /proc/self/fd", "uid=0 gid=0")
	for key, want := range map[string]string{
		"CapBnd:": "00000000a80425fb", "CapEff:": "00000000a80425fb", "CapPrm:": "00000000a80425fb", "CapInh:": "0000000000000000",
		"Seccomp:": "2", "NoNewPrivs:": "0", "NSpid:": "2",
	} {
		if key == "NSpid:" {
			continue
		}
		if got := field(out, key); got != want {
			t.Errorf("%s %s, want %s", key, got, want)
		}
	}
	if strings.Contains(out, b.in.Staging) || strings.Contains(out, b.image+" ") {
		t.Errorf("the host's paths can be seen:\n%s", out)
	}
}

func TestMaskedAndReadOnlyPathsAreCovered(t *testing.T) {
	b := newBox(t,
		"cat /proc/interrupts /proc/keys; ls /sys/firmware; ls /proc/scsi",
		"echo 1 > /proc/sys/kernel/shmmni; echo write $?",
		"mkdir /sys/x; mkdir /sys/fs/cgroup/x; echo cgroup $?")
	out, _ := b.run()
	if out != "write 1\ncgroup 1\n" {
		t.Errorf("got %q", out)
	}
}

func TestAMaskDoesNotLendTheContainerTheHostsDevNull(t *testing.T) {
	for _, noSetattr := range []bool{false, true} {
		b := newBox(t, "exec 2>&1; chmod 666 /proc/keys /secret; chown 0 /proc/keys; touch /secret; echo $?; echo x > /proc/keys && cat /proc/keys /secret && echo usable")
		b.in.NoMountSetattr = noSetattr
		b.must(os.WriteFile(filepath.Join(b.image, "secret"), []byte("b"), 0o644))
		b.spec.Linux.MaskedPaths = append(b.spec.Linux.MaskedPaths, "/secret")
		out, _ := b.run()
		// The mode and the owner asked for are those that it has: nothing changes if it works after all.
		if strings.Count(out, "Read-only file system") != 4 || !strings.HasSuffix(out, "1\nusable\n") {
			t.Errorf("without mount_setattr(2): %v, got %q", noSetattr, out)
		}
	}
}

func TestMaskingAPathThatCanBeEitherKind(t *testing.T) {
	b := newBox(t, "ls /secrets; cat /secret; cat /bin/nothing")
	b.must(os.Mkdir(filepath.Join(b.image, "secrets"), 0o755))
	b.must(os.WriteFile(filepath.Join(b.image, "secrets/a"), []byte("a"), 0o644))
	b.must(os.WriteFile(filepath.Join(b.image, "secret"), []byte("b"), 0o644))
	b.spec.Linux.MaskedPaths = []string{"/secrets", "/secret", "/missing", "/secret/below"}
	if out, code := b.run(); out != "" || code == 0 {
		t.Errorf("exit %d, output %q", code, out)
	}
}

func TestBindMountsOfFilesAndDirectoriesFindOrMakeTheirPlaces(t *testing.T) {
	src := t.TempDir()
	b := newBox(t, "cat /data/f /new/deep/place/f /etc/hosts /etc/made/file /link/below/f; echo x > /ro/g; echo $?; echo x > /data/g; echo $?")
	b.must(os.WriteFile(filepath.Join(src, "f"), []byte("content\n"), 0o644))
	b.must(os.Mkdir(filepath.Join(b.image, "data"), 0o755))
	b.must(os.Symlink("/elsewhere", filepath.Join(b.image, "link")))
	b.must(os.Mkdir(filepath.Join(b.image, "elsewhere"), 0o755))
	b.must(os.WriteFile(filepath.Join(b.image, "etc/hosts"), nil, 0o644))
	bind := func(source, dest string, options ...string) {
		b.spec.Mounts = append(b.spec.Mounts, specs.Mount{Destination: dest, Type: "bind", Source: source, Options: append([]string{"rbind", "rprivate"}, options...)})
	}
	bind(src, "/data")
	bind(src, "/new/deep/place")
	bind(src, "/ro", "ro")
	bind(src+"/f", "/etc/hosts", "ro")
	bind(src+"/f", "/etc/made/file")
	bind(src, "/link/below")
	out, _ := b.run()
	if want := strings.Repeat("content\n", 5) + "1\n0\n"; out != want {
		t.Errorf("got %q, want %q", out, want)
	}
	if _, err := os.Stat(filepath.Join(src, "g")); err != nil {
		t.Error(err)
	}
}

func TestAUserWithoutPrivilegesHasNoEffectiveCapabilities(t *testing.T) {
	b := newBox(t, "id; pwd; cat /proc/self/status; touch /root-file; echo $?")
	b.must(os.Mkdir(filepath.Join(b.image, "work"), 0o755))
	b.spec.Process.User = specs.User{UID: 1000, GID: 1001, AdditionalGids: []uint32{7, 8}}
	b.spec.Process.Cwd = "/work/new"
	b.spec.Process.NoNewPrivileges = true
	out, _ := b.run()
	wants(t, out, "uid=1000 gid=1001 groups=7,8", "/work/new\n", "NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000000", "CapBnd:\t00000000a80425fb", "\n1\n")
}

func TestADirectoryThatOnlyRootMayEnterIsStillTheWorkingDirectory(t *testing.T) {
	b := newBox(t, "cd ..; echo there; cat secret/f; echo $?")
	b.must(os.Mkdir(filepath.Join(b.image, "secret"), 0o700))
	b.spec.Process.User = specs.User{UID: 1000, GID: 1000}
	b.spec.Process.Cwd = "/secret"
	out, _ := b.run()
	wants(t, out, "there\n1\n")
}

func TestAmbientCapabilitiesReachAUser(t *testing.T) {
	b := newBox(t, "cat /proc/self/status")
	one := []string{"CAP_NET_BIND_SERVICE"}
	b.spec.Process.User = specs.User{UID: 1000, GID: 1000}
	b.spec.Process.Capabilities = &specs.LinuxCapabilities{Bounding: one, Effective: one, Permitted: one, Inheritable: one, Ambient: one}
	out, _ := b.run()
	wants(t, out, "CapEff:\t0000000000000400", "CapAmb:\t0000000000000400")
}

func TestAReadOnlyRootStillHasItsWritablePlaces(t *testing.T) {
	b := newBox(t, "touch /x; echo $?; touch /dev/shm/x; echo $?; touch /tmp/x; echo $?")
	b.spec = withRoot(b.spec)
	b.spec.Mounts = append(b.spec.Mounts, specs.Mount{Destination: "/tmp", Type: "tmpfs", Source: "tmpfs", Options: []string{"noexec", "nosuid", "nodev", "size=1m"}})
	if out, _ := b.run(); out != "1\n0\n0\n" {
		t.Errorf("got %q", out)
	}
}

func withRoot(s *specs.Spec) *specs.Spec { s.Root.Readonly = true; return s }

func TestADeviceMayBeAnywhereAndTakesThePlaceOfWhatIsThere(t *testing.T) {
	b := newBox(t, "stat -c '%n %t %T %a %u' /opt/deep/zero /etc/file; ls /out; head -c 1 /opt/deep/zero > /dev/null && echo read")
	b.must(os.WriteFile(filepath.Join(b.image, "etc/file"), []byte("the image's"), 0o644))
	outside := t.TempDir()
	b.must(os.Symlink(outside, filepath.Join(b.image, "out")))
	b.must(os.MkdirAll(filepath.Join(b.image, outside), 0o755))
	uid, mode := uint32(7), os.FileMode(0o640)
	for _, place := range []string{"/opt/deep/zero", "/etc/file", "/out/zero"} {
		b.spec.Linux.Devices = append(b.spec.Linux.Devices, specs.LinuxDevice{Path: place, Type: "c", Major: 1, Minor: 5, UID: &uid, FileMode: &mode})
	}
	b.must(os.MkdirAll(filepath.Join(b.image, "opt/deep"), 0o755))
	b.must(unix.Mknod(filepath.Join(b.image, "opt/deep/zero"), unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3)))) // an earlier run's
	if got, _ := b.run(); got != "/opt/deep/zero 1 5 640 7\n/etc/file 1 5 640 7\nzero\nread\n" {
		t.Errorf("got %q", got)
	}
	if list, err := os.ReadDir(outside); err != nil || len(list) != 0 {
		t.Errorf("a device has come to the host: %v, %v", list, err)
	}
}

func TestSysctlsLimitsUmaskAndOOMScoreAreSet(t *testing.T) {
	b := newBox(t, "cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/shmmni /proc/self/oom_score_adj; umask; ulimit -n; touch /f; stat -c %a /f")
	b.spec.Linux.Sysctl = map[string]string{"net.ipv4.ip_unprivileged_port_start": "0", "kernel.shmmni": "77"}
	score, umask := 500, uint32(0o027)
	b.spec.Process.OOMScoreAdj, b.spec.Process.User.Umask = &score, &umask
	b.spec.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 64, Hard: 128}}
	if out, _ := b.run(); out != "0\n77\n500\n0027\n64\n640\n" {
		t.Errorf("got %q", out)
	}
}

func TestAPrivilegedContainerSeesNoMasksAndWritableCgroups(t *testing.T) {
	b := newBox(t, "cat /proc/self/mountinfo; cat /proc/self/status")
	s := runtime.DefaultSpec(runtime.Sandbox{Privileged: true, Capabilities: runtime.AvailableCapabilities()})
	devices, err := runtime.HostDevices()
	b.must(err)
	s.Linux.Devices = devices
	s.Process.Args, s.Process.Env = b.spec.Process.Args, b.spec.Process.Env
	b.spec = s
	out, code := b.run()
	if code != 0 {
		t.Fatalf("exit code %d", code)
	}
	wants(t, out, "/sys rw,", "Seccomp:\t0")
	if strings.Contains(out, "/proc/kcore") || strings.Contains(out, "/proc/sys ") {
		t.Errorf("paths are masked:\n%s", out)
	}
}

func TestAContainerInTheHostsCgroupNamespaceSeesItsOwnGroups(t *testing.T) {
	b := newBox(t, "ls /sys/fs/cgroup")
	b.spec.Linux.Namespaces = b.spec.Linux.Namespaces[:len(b.spec.Linux.Namespaces)-1]
	if out, code := b.run(); code != 0 || out == "" {
		t.Errorf("exit %d, output %q", code, out)
	}
}

func TestWithoutMountSetattrBindsAreRemounted(t *testing.T) {
	src := t.TempDir()
	b := newBox(t, "touch /data/x; echo $?; echo 1 > /proc/sys/kernel/shmmni; echo $?; touch /x; echo $?")
	b.in.NoMountSetattr = true
	b.spec.Root.Readonly = true
	b.spec.Mounts = append(b.spec.Mounts, specs.Mount{Destination: "/data", Type: "bind", Source: src, Options: []string{"rbind", "ro"}})
	if out, _ := b.run(); out != "1\n1\n1\n" {
		t.Errorf("got %q", out)
	}
}

func TestTheContainerIsTheRootOfTheGroupsThatItJoins(t *testing.T) {
	b := newBox(t, "cat /proc/self/cgroup; cat /sys/fs/cgroup/pids/tasks; ls /sys/fs/cgroup/pids/tasks")
	i := slices.IndexFunc(b.in.Cgroup.Hierarchies, func(h runtime.Hierarchy) bool { return slices.Equal(h.Controllers, []string{"pids"}) })
	if i < 0 {
		t.Skip("there is no cgroup v1 hierarchy for pids")
	}
	group := filepath.Join(b.in.Cgroup.Hierarchies[i].Path, "berth-runtime-test-"+strconv.Itoa(os.Getpid()))
	if err := os.Mkdir(group, 0o755); err != nil {
		t.Skip("no groups can be made here: ", err)
	}
	t.Cleanup(func() { b.must(os.Remove(group)) })
	b.in.Cgroup.Join = []string{group + "/tasks"}
	out, _ := b.run()
	wants(t, out, ":pids:/\n", "\n1\n")
}
