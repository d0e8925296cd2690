//go:build linux

package alike

import (
	"strings"
	"testing"
)

func TestRunsAndTheirEndsAreAlike(t *testing.T) {
	t.Parallel()
	eachDaemon(t, func(p pair) {
		p.each("run", func(c *turn) {
			for _, line := range []string{
				"run --rm BB true", "run --rm BB sh -c exit${IFS}3", "run --rm BB nonsense", "run --rm BB /etc", "run --rm BB /etc/passwd", "run --rm -w /new/dir BB pwd", "run --rm -u nobody BB id",
				"run --rm -u www BB id", "run --rm --entrypoint echo BB hello", "run --rm -e A=b BB env", "run --rm -h host BB hostname", "run --rm --init BB true", "run --rm --read-only BB touch /x",
				"run --rm --log-driver none BB echo heard", "run --rm -a stdout BB echo out", "run --rm -d -a stdout BB true", "run -it --rm BB true", "run", "run --rm --network nope BB true",
				"run --rm --stop-signal NOPE BB true", "run --rm --name MINE-a BB echo named", "run --pull never --rm nope true",
			} {
				c.line(strings.ReplaceAll(line, "BB", p.busybox))
			}
			c.typed("fed\n", "run", "-i", "--rm", p.busybox, "cat")
			c.typed("fed\n", "run", "--rm", p.busybox, "cat")
		})
		p.each("exec, attach and start", func(c *turn) {
			c.line("run -d --name MINE-a " + p.busybox + " sleep 1000")
			c.lines("exec MINE-a echo one", "exec MINE-a sh -c exit${IFS}4", "exec -e A=b -w /tmp -u www MINE-a sh -c id;pwd;echo${IFS}$A", "exec MINE-a nonsense", "exec MINE-a /etc", "exec -d MINE-a true",
				"exec -w nope MINE-a pwd", "exec -u nope MINE-a true", "exec nope true", "exec MINE-a", "exec -it MINE-a true", "exec --privileged MINE-a true", "exec --env-file /nonexistent MINE-a true",
				"pause MINE-a", "attach MINE-a", "exec MINE-a true", "unpause MINE-a", "kill MINE-a", "exec MINE-a true", "attach MINE-a", "attach nope", "attach", "wait MINE-a", "start nope", "start -a nope", "start -a MINE-a nope", "rm MINE-a")
			c.typed("piped\n", "exec", "-i", c.mine+"-a", "cat")
			c.line("create -i --name MINE-b " + p.busybox + " sh -c cat;exit${IFS}5")
			c.typed("to start\n", "start", "-ai", c.mine+"-b")
			c.lines("logs MINE-b", "wait MINE-b", "start MINE-b nope", "rm -f MINE-b")
			c.line("create --name MINE-c " + p.busybox + " nonsense")
			c.lines("start MINE-c", "start -a MINE-c", "inspect -f {{.State.ExitCode}};{{.State.Status}} MINE-c", "rm MINE-c", "start --checkpoint x MINE-c")
		})
	})
}
