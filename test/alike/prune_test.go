//go:build linux

package alike

import (
	"strings"
	"testing"
)

func TestPrunesAreAlike(t *testing.T) {
	t.Parallel()
	eachDaemon(t, func(p pair) {
		p.docker.Must("create", "--name", "there", p.busybox)
		for _, line := range []string{
			"container prune", "system prune", "system prune -a --filter label=x --filter until=1h --filter label!=zz", "system prune --volumes --filter until=1h", "image prune", "image prune -a",
			"container prune -f --filter nonsense=x", "container prune -f --filter until=nonsense", "container prune --filter x", "container prune x", "system prune x", "image prune x",
		} {
			for _, answer := range []string{"n\n", "", "no\n", "\n"} {
				words := strings.Fields(line)
				a, b := p.docker.In(strings.NewReader(answer)).Run(words...), p.berth.In(strings.NewReader(answer)).Run(words...)
				if plain(a) != plain(b) {
					p.t.Errorf("%s, answered %q\n%s", line, answer, differ(plain(b), plain(a)))
				}
			}
		}
		p.docker.Must("rm", "there")
		p.each("containers", func(c *turn) {
			c.line("run --name MINE-a " + p.busybox + " sh -c true")
			c.line("run -d --name MINE-b " + p.busybox + " sleep 1000")
			c.lines("container prune -f", "container prune -f", "ps -a --format {{.Names}}")
			c.line("create --name MINE-a --label keep=1 " + p.busybox)
			c.lines("container prune -f --filter label!=keep=1", "ps -a --format {{.Names}}")
			c.typed("y\n", "container", "prune")
			c.lines("ps -a --format {{.Names}}", "rm -f MINE-b")
		})
	})
}

func TestAPruneOfEverythingIsAlike(t *testing.T) {
	t.Parallel()
	// berthd has no networks of users yet: our client goes on, and the stock one ends there.
	onStock(t, func(p pair) {
		p.each("everything", func(c *turn) {
			c.line("run --name MINE-a -v /anonymous " + p.busybox + " touch /x")
			c.typed(" Y \n", "system", "prune", "--volumes")
			c.line("system prune -f")
		})
	})
}
