//go:build linux

package alike

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheVerbsOnContainersAreAlike(t *testing.T) {
	t.Parallel()
	eachDaemon(t, func(p pair) {
		p.each("pause and unpause", func(c *turn) {
			c.line("run -d --name MINE-a " + p.busybox + " sleep 1000")
			c.line("run -d --name MINE-b " + p.busybox + " sleep 1000")
			c.lines("pause MINE-a nope MINE-b", "pause MINE-a", "ps -a --filter name=MINE --format {{.Names}};{{.State}}",
				"unpause MINE-a MINE-b nope", "unpause MINE-b", "container pause", "pause", "unpause", "rm -f MINE-a MINE-b")
		})
		p.each("rename", func(c *turn) {
			c.line("create --name MINE-a " + p.busybox)
			c.line("create --name MINE-b " + p.busybox)
			c.lines("rename MINE-a MINE-c", "rename MINE-c MINE-b", "rename nope MINE-d", "rename MINE-c", "rename MINE-c MINE-c",
				"ps -a --filter name=MINE --format {{.Names}}", "container rename MINE-c MINE-a", "rm MINE-a MINE-b")
			c.run("rename", "", "x")
			c.run("rename", " ", "x")
		})
		p.each("restart and stop", func(c *turn) {
			c.line("run -d --name MINE-a " + p.busybox + " sleep 1000")
			c.lines("restart -t 0 MINE-a nope", "restart --time 0 MINE-a", "restart --time 0 -t 1 MINE-a", "restart -s KILL MINE-a", "restart -t 0 -s NOPE MINE-a",
				"restart", "stop -t 0 MINE-a nope", "stop MINE-a", "stop --time 1 -t 1 x", "restart MINE-a", "rm -f MINE-a")
		})
		p.each("update", func(c *turn) {
			c.line("run -d --name MINE-a -m 64m " + p.busybox + " sleep 1000")
			c.lines("update MINE-a", "update -m 128m --memory-swap 128m MINE-a nope", "update --cpus 0.5 --pids-limit 50 --cpu-shares 512 MINE-a",
				"inspect -f {{.HostConfig.Memory}};{{.HostConfig.NanoCpus}};{{.HostConfig.PidsLimit}};{{.HostConfig.CpuShares}} MINE-a",
				"update --restart on-failure:3 MINE-a", "inspect -f {{json(.HostConfig.RestartPolicy)}} MINE-a",
				"update --restart bad MINE-a", "update --restart on-failure:x MINE-a", "update --restart :1 MINE-a", "update --memory x MINE-a",
				"update --blkio-weight -1 MINE-a", "update", "rm -f MINE-a")
		})
		p.each("top", func(c *turn) {
			c.line("run -d --name MINE-a " + p.busybox + " sleep 1000")
			c.lines("top MINE-a -o comm,args", "top MINE-a -eo comm", "top MINE-a -o nonsense", "top nope", "top", "rm -f MINE-a", "top MINE-a")
		})
		p.each("commit", func(c *turn) {
			c.line("run --name MINE-a " + p.busybox + " touch /new")
			c.lines("commit MINE-a MINE-i:1", "commit -m msg -a me -c ENV${IFS}A=b MINE-a MINE-i:2", "commit nope", "commit MINE-a UPPER", "commit MINE-a a b c",
				"commit --pause=false MINE-a", "commit", "run --rm MINE-i:1 ls /new", "rmi MINE-i:1", "rm MINE-a")
			c.run("commit", "-c", "ENV A=b", "-c", "CMD [\"ls\", \"/new\"]", c.mine+"-a")
			c.run("commit", "-c", "NONSENSE x", c.mine+"-a")
		})
		p.each("wait and kill", func(c *turn) {
			c.line("run -d --name MINE-a " + p.busybox + " sleep 1000")
			c.lines("kill -s USR3 MINE-a", "kill -s KILL MINE-a nope", "wait MINE-a nope", "kill MINE-a", "start MINE-a nope", "rm MINE-a", "rm -f MINE-a", "rm -l MINE-a")
		})
	})
}

func TestDiffsAreAlike(t *testing.T) {
	t.Parallel()
	eachDaemon(t, func(p pair) {
		p.docker.Must("run", "--name", "changed", p.busybox, "sh", "-c", "touch /new; rm /etc/group; mkdir -p /d/e; echo x >>/etc/passwd")
		for _, line := range []string{"diff changed", "container diff changed", "diff nope", "diff"} {
			p.sameLines(strings.Fields(line)...)
		}
	})
}

func TestPortsAreAlike(t *testing.T) {
	t.Parallel()
	eachDaemon(t, func(p pair) {
		p.docker.Must("run", "-d", "--name", "web", "-p", "127.0.0.1:0:80", "-p", "127.0.0.1:0:9/udp", "-p", "127.0.0.1:0:10", p.busybox, "sleep", "1000")
		p.docker.Must("create", "--name", "shut", p.busybox)
		for _, line := range []string{
			"port web", "container port web", "port web 80", "port web 80/tcp", "port web 80/udp", "port web 9/udp", "port web 99", "port web foo", "port web /udp",
			"port web 80/foo", "port web 99999", "port web 1-2", "port shut", "port nope", "port", "port a b c",
		} {
			p.same(strings.Fields(line)...)
		}
	})
}

func TestExportsAreAlike(t *testing.T) {
	t.Parallel()
	eachDaemon(t, func(p pair) {
		p.docker.Must("create", "--name", "some", p.busybox)
		file := filepath.Join(p.dir, "out.tar")
		p.same("export", "-o", file, "some")
		if info, err := os.Stat(file); err != nil || info.Size() < 1<<20 || info.Mode().Perm() != 0o600 {
			p.t.Errorf("export wrote %v (%v)", info, err)
		}
		for _, line := range []string{"export nope", "export -o /nonexistent/x some", "export -o " + p.dir + " some", "export"} {
			p.same(strings.Fields(line)...)
		}
		p.berth.Fails(1, "No such container: nope", "export", "-o", p.dir+"/never", "nope")
		if left, _ := os.ReadDir(p.dir); len(left) != 1 {
			p.t.Errorf("a failed export leaves %v", left)
		}
		if a, b := p.docker.Must("export", "some"), p.berth.Must("export", "some"); a != b {
			p.t.Errorf("the archives have %d and %d bytes", len(a), len(b))
		}
	})
}
