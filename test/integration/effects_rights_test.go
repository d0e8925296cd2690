//go:build linux

package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"berth/test/harness"
)

func rightEffects() []effect {
	const devices = `find /dev /opt -type c 2>/dev/null | grep -E 'zer|tun|opt' | sort | xargs echo`
	// Whether there is such a device or not: what is not allowed is so before.
	const rule = `mknod /tmp/d c 10 235; (: < /tmp/d) 2>&1 | grep -q 'not permitted' && echo shut || echo open`
	const profile = `{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"mkdir\",\"mkdirat\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":95}]}`
	return []effect{
		{field: "HostConfig.CapAdd", body: host(`"CapAdd":["net_admin","CAP_SYS_TIME"]`), script: "status CapBnd", want: "00000000aa0435fb"},
		{field: "HostConfig.CapDrop", body: host(`"CapDrop":["ALL"],"CapAdd":["chown"]`), script: "status CapEff; status CapBnd", want: "0000000000000001\n0000000000000001"},
		{field: "HostConfig.Privileged", body: host(`"Privileged":true`), script: "status Seccomp; mount -t tmpfs none /tmp && echo mounted; echo x > /proc/sys/kernel/domainname && echo written", want: "0\nmounted\nwritten"},
		{field: "HostConfig.SecurityOpt", body: host(`"SecurityOpt":["no-new-privileges"]`), script: "status NoNewPrivs", want: "1"},
		{field: "HostConfig.SecurityOpt,seccomp unconfined", body: host(`"SecurityOpt":["seccomp=unconfined"]`), script: "status Seccomp", want: "0"},
		{field: "HostConfig.SecurityOpt,seccomp profile", body: host(`"SecurityOpt":["seccomp=%s"]`, profile), script: "status Seccomp; mkdir /tmp/x", want: "2\nmkdir: can't create directory '/tmp/x': Operation not supported"},
		{field: "HostConfig.SecurityOpt,systempaths", body: host(`"SecurityOpt":["systempaths=unconfined"]`), script: "head -c 5 /proc/timer_list; mounted /proc/sys", want: "Timer"},
		{field: "HostConfig.SecurityOpt,writable cgroups", body: host(`"SecurityOpt":["writable-cgroups=true"]`), script: "mkdir /sys/fs/cgroup/pids/new 2>/dev/null || mkdir /sys/fs/cgroup/new && echo made; rmdir /sys/fs/cgroup/new /sys/fs/cgroup/pids/new 2>/dev/null", want: "made"},
		{field: "HostConfig.SecurityOpt,cgroups that are not writable", body: host(`"Privileged":true,"SecurityOpt":["writable-cgroups=false"]`), script: "mkdir /sys/fs/cgroup/new 2>/dev/null || echo not made", want: "not made"},
		{field: "HostConfig.GroupAdd", body: `{"User":"www","HostConfig":{"GroupAdd":["77","extra","root"]}}`, script: "id -G", want: "33 0 44 77"},
		{field: "HostConfig.Sysctls", body: host(`"Sysctls":{"net.ipv4.ip_forward":"1","kernel.shmmax":"123456","fs.mqueue.msg_max":"20"}`), script: "cd /proc/sys; cat net/ipv4/ip_forward kernel/shmmax fs/mqueue/msg_max", want: "1\n123456\n20"},
		{field: "HostConfig.Umask", body: host(`"Umask":63`), script: "umask; touch /tmp/f; stat -c %a /tmp/f", want: "0077\n600"},
		{field: "HostConfig.Devices", body: host(`"Devices":[{"PathOnHost":"/dev/zero","PathInContainer":"/dev/deep/zero","CgroupPermissions":"rwm"}]`), script: devices + "; head -c 1 /dev/deep/zero | od -An -tx1", want: "/dev/deep/zero /dev/zero\n 00"},
		{field: "HostConfig.Devices,outside of /dev", body: host(`"Devices":[{"PathOnHost":"/dev/zero","PathInContainer":"/opt/zero"}]`), script: devices, want: "/dev/zero /opt/zero"},
		{field: "HostConfig.DeviceCgroupRules", body: host(`"DeviceCgroupRules":["c 10:235 rw"]`), script: rule, want: "open"},
		{field: "HostConfig.DeviceCgroupRules,of another device", body: host(`"DeviceCgroupRules":["c 10:236 rw"]`), script: rule, want: "shut"},
		{field: "HostConfig.ReadonlyRootfs", body: host(`"ReadonlyRootfs":true`), script: "touch /x; touch /dev/shm/x && echo shm", want: "touch: /x: Read-only file system\nshm"},
		{field: "HostConfig.MaskedPaths", body: host(`"MaskedPaths":["/etc/passwd","/root"]`), script: "wc -c < /etc/passwd; touch /root/x; head -c 5 /proc/timer_list", want: "0\ntouch: /root/x: Read-only file system\nTimer"},
		{field: "HostConfig.ReadonlyPaths", body: host(`"ReadonlyPaths":["/etc"]`), script: "touch /etc/x; echo it > /proc/sys/kernel/domainname && cat /proc/sys/kernel/domainname", want: "touch: /etc/x: Read-only file system\nit"},
	}
}

// TestADirectoryOfDevicesIsGivenWhole is about a directory that the test makes: it holds
// devices, one of them below, and what is none.
func TestADirectoryOfDevicesIsGivenWhole(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	d.Busybox()
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "below"), 0o755))
	for name, minor := range map[string]uint32{"zero": 5, "below/full": 7} {
		must(t, unix.Mknod(filepath.Join(dir, name), unix.S_IFCHR|0o666, int(unix.Mkdev(1, minor))))
	}
	must(t, os.WriteFile(filepath.Join(dir, "file"), []byte("no device"), 0o644))
	must(t, os.Symlink(dir, dir+".link"))
	t.Cleanup(func() { os.Remove(dir + ".link") })
	for _, from := range []string{dir, dir + ".link"} {
		body := host(`"Devices":[{"PathOnHost":%q,"PathInContainer":"/dev/mine","CgroupPermissions":"rw"}]`, from)
		got := inside(t, d, body, "find /dev/mine -type c | sort | xargs stat -c '%n %t %T'; find /dev/mine -type f; head -c 1 /dev/mine/below/full | od -An -tx1")
		if got != "/dev/mine/below/full 1 7\n/dev/mine/zero 1 5\n 00" {
			t.Errorf("%s: %q", from, got)
		}
	}
	must(t, os.Mkdir(dir+"/empty", 0o755))
	for path, why := range map[string]string{
		"/dev/no-such-device": "no such file or directory", "relative": "no such file or directory", dir + "/file": "not a device node", dir + "/empty": "not a device node",
	} {
		want := fmt.Sprintf("error gathering device information while adding custom device %q: %s", path, why)
		if got := refused(t, d, host(`"Devices":[{"PathOnHost":%q}]`, path)); got != want {
			t.Errorf("%s: %s", path, got)
		}
	}
}

// TestAModuleThatTheHostDoesNotHaveIsWarnedOf is about AppArmor's profiles and SELinux's labels.
func TestAModuleThatTheHostDoesNotHaveIsWarnedOf(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/sys/module/apparmor/parameters/enabled"); err == nil {
		t.Skip("this host has AppArmor")
	}
	d := harness.Start(t)
	d.Busybox()
	c := d.Client(t, "berth")
	for opt, want := range map[string]string{
		"apparmor=mine": "does not have AppArmor: the profile mine", "label=type:mine": "does not have SELinux: the labels type:mine", "apparmor=unconfined": "", "label=disable": "",
	} {
		r := c.Run("create", "--security-opt", opt, "busybox", "true")
		if r.Code != 0 || !strings.Contains(r.Stderr, want) || want == "" && r.Stderr != "" {
			t.Errorf("%s: %+v", opt, r)
		}
		c.Must("rm", strings.TrimSpace(r.Stdout))
	}
}
