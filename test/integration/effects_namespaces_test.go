//go:build linux

package integration

import (
	"os"
	"strings"
	"testing"

	"berth/test/harness"
)

func namespaceEffects() []effect {
	ns := func(kind string) string {
		link, _ := os.Readlink("/proc/self/ns/" + kind) // a test that runs has one
		return link
	}
	return []effect{
		{field: "HostConfig.PidMode", body: host(`"PidMode":"host"`), script: "readlink /proc/self/ns/pid", want: ns("pid")},
		{field: "HostConfig.UTSMode", body: host(`"UTSMode":"host"`), script: "readlink /proc/self/ns/uts", want: ns("uts")},
		{field: "HostConfig.UsernsMode", body: host(`"UsernsMode":"host"`), script: "readlink /proc/self/ns/user", want: ns("user")},
		{field: "HostConfig.CgroupnsMode", body: host(`"CgroupnsMode":"host"`), script: "readlink /proc/self/ns/cgroup", want: ns("cgroup")},
		{field: "HostConfig.CgroupnsMode,private", body: host(`"CgroupnsMode":"private"`), script: "head -1 /proc/self/cgroup | cut -d: -f3", want: "/"},
		{field: "HostConfig.IpcMode", body: host(`"IpcMode":"host"`), script: "readlink /proc/self/ns/ipc; grep -c ' /dev/mqueue mqueue' /proc/mounts; mounted /dev/shm | grep -c noexec", want: ns("ipc") + "\n1\n0"},
		{field: "HostConfig.IpcMode,none", body: host(`"IpcMode":"none"`), script: "grep -c ' /dev/shm ' /proc/mounts", want: "0"},
		{field: "HostConfig.IpcMode,shareable", body: host(`"IpcMode":"shareable"`), script: "grep -c ' /dev/shm ' /proc/mounts", want: "1"},
	}
}

// TestNamespacesOfAnotherContainerAreJoined joins PID, IPC with its shared memory, and network, from
// the start and from an exec.
func TestNamespacesOfAnotherContainerAreJoined(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{"cold": {"--warm-sandboxes", "0"}, "warm": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := harness.Start(t, harness.WithArgs(args...))
			busybox := d.Busybox()
			c := d.Client(t, "berth")
			donor := c.Must("run", "-d", "--name", "donor", "--ipc", "shareable", "-h", "donor", busybox, "sh", "-c", "echo shared > /dev/shm/f; exec sleep 1000")
			harness.Eventually(t, "it has written", func() error {
				if r := c.Run("exec", donor, "cat", "/dev/shm/f"); r.Code != 0 {
					return os.ErrNotExist
				}
				return nil
			})
			ns := func(kind string) string { return c.Must("exec", donor, "readlink", "/proc/self/ns/"+kind) }
			c.Prints(ns("pid")+"\nsleep", "run", "--rm", "--pid", "container:donor", busybox, "sh", "-c", "readlink /proc/self/ns/pid; cat /proc/1/comm")
			c.Prints(ns("ipc")+"\nshared", "run", "--rm", "--ipc", "container:donor", busybox, "sh", "-c", "readlink /proc/self/ns/ipc; cat /dev/shm/f; echo back > /dev/shm/g")
			c.Prints("back", "exec", donor, "cat", "/dev/shm/g")
			c.Prints(ns("net")+"\ndonor", "run", "--rm", "--network", "container:donor", busybox, "sh", "-c", "readlink /proc/self/ns/net; hostname")
			all := c.Must("run", "-d", "--pid", "container:"+donor[:12], "--ipc", "container:donor", "--network", "container:donor", busybox, "sleep", "1000")
			c.Prints(ns("pid")+"\n"+ns("ipc")+"\n"+ns("net"), "exec", all, "sh", "-c", "for k in pid ipc net; do readlink /proc/self/ns/$k; done")
			c.Prints("container:"+donor, "inspect", "-f", "{{.HostConfig.PidMode}}", all)
			// One that shares an IPC namespace shares it on.
			c.Prints("shared", "run", "--rm", "--ipc", "container:"+all, busybox, "cat", "/dev/shm/f")
			c.Must("rm", "-f", all)
			private := c.Must("run", "-d", "--name", "private", busybox, "sleep", "1000")
			c.Fails(125, "can't join IPC of container "+private+": non-shareable IPC (hint: use IpcMode:shareable for the donor container)", "run", "--rm", "--ipc", "container:private", busybox, "true")
			c.Must("rm", "-f", private)
			late := c.Must("create", "--pid", "container:donor", "--ipc", "container:donor", busybox, "true")
			c.Must("rm", "-f", donor)
			c.Fails(1, "No such container", "start", late)
			c.Must("create", "--name", "donor", busybox)
			for _, flag := range []string{"--pid", "--ipc"} {
				kind := strings.ToUpper(strings.TrimPrefix(flag, "--"))
				c.Fails(125, "cannot join "+kind+" of a non running container", "run", "--rm", flag, "container:donor", busybox, "true")
				c.Fails(125, "No such container: nobody", "run", "--rm", flag, "container:nobody", busybox, "true")
			}
		})
	}
}

// TestAContainerEndsWithThePidNamespaceThatItIsIn: the kernel ends all that live in a
// namespace when its first process ends, and the engine notices.
func TestAContainerEndsWithThePidNamespaceThatItIsIn(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	c := d.Client(t, "berth")
	donor := c.Must("run", "-d", busybox, "sleep", "1000")
	guest := c.Must("run", "-d", "--pid", "container:"+donor, busybox, "sleep", "1000")
	c.Must("kill", donor)
	c.Prints("137", "wait", guest)
	c.Must("rm", donor, guest)
	// And a guest that ends takes with it what it has left in the namespace, but no other.
	donor = c.Must("run", "-d", busybox, "sleep", "1001")
	c.Must("run", "--rm", "--pid", "container:"+donor, busybox, "sh", "-c", "sleep 1002 & true")
	c.Prints("1", "exec", donor, "sh", "-c", "ps | grep -c '[s]leep 100'")
	c.Must("rm", "-f", donor)
}
