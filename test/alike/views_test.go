//go:build linux

package alike

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/test/harness"
)

// inhabited gives a daemon containers of all states.
func inhabited(p pair) {
	p.t.Helper()
	p.docker.Must("run", "-d", "--name", "up", "--label", "color=blue", "-m", "64m", "-p", "127.0.0.1:0:80", p.busybox, "sleep", "1000")
	p.docker.Must("create", "--name", "new", "-v", "data:/data", p.busybox, "echo", "a long command that is cut")
	p.docker.Run("run", "--name", "ended", p.busybox, "sh", "-c", "echo out; echo err >&2; printf last; exit 3")
	p.docker.Must("run", "-d", "--name", "still", p.busybox, "sleep", "1000")
	p.docker.Run("pause", "still")
}

func TestListsAndInspectionsAreAlike(t *testing.T) {
	t.Parallel()
	eachDaemon(t, func(p pair) {
		inhabited(p)
		for _, line := range []string{
			"ps", "ps -a", "ps -aq", "ps -q --no-trunc", "ps -a --no-trunc", "ps -as", "ps -n 2", "ps -l", "ps -a --format json", "ps -a --format raw",
			"ps -a --format {{.Names}};{{.Mounts}};{{.LocalVolumes}};{{.Networks}};{{.Labels}};{{.State}};{{.Ports}};{{.Size}}", "ps -a -f status=exited -f status=created",
			"ps -f nonsense", "ps -f nonsense=x", "ps -f name=", "container ls -a", "ps --format {{.Nope", "ps x",
			"inspect up", "inspect -s up", "inspect up nope", "inspect nope", "inspect --type container up", "inspect --type image up", "inspect --type image " + p.busybox,
			"inspect --type volume data", "inspect data", "inspect --type network bridge", "inspect bridge", "inspect --type nonsense up", "inspect --type= up", "inspect -f {{.State.Status}} up ended new still",
			"inspect -f {{json(.State)}} new", "inspect -f {{.Nope}} up", "inspect -f json up new", "inspect -s " + p.busybox, "container inspect up", "container inspect -s ended", "container inspect nope",
			"inspect", "inspect -f {{ up", "container inspect",
		} {
			p.same(strings.Fields(line)...)
		}
	})
}

func TestLogsAreAlike(t *testing.T) {
	t.Parallel()
	eachDaemon(t, func(p pair) {
		inhabited(p)
		p.docker.Must("run", "-d", "--name", "tty", "-t", p.busybox, "sh", "-c", "echo one; echo two")
		p.docker.Must("run", "-d", "--name", "mute", "--log-driver", "none", p.busybox, "echo", "unheard")
		p.docker.Must("wait", "tty", "mute")
		for _, line := range []string{
			"logs ended", "logs -t ended", "logs -n 1 ended", "logs --tail all ended", "logs -n 0 ended", "logs -n x ended", "logs --since 1h ended", "logs --until 1h ended",
			"logs --since nonsense ended", "logs --until nonsense ended", "logs -f ended", "logs --details ended", "logs tty", "logs -n 1 tty", "logs mute", "logs new", "logs nope",
			"container logs ended", "logs --since 2999-01-01 ended",
		} {
			p.same(strings.Fields(line)...)
		}
	})
}

func TestStatsAreAlike(t *testing.T) {
	t.Parallel()
	eachDaemon(t, func(p pair) {
		inhabited(p)
		for _, line := range []string{
			"stats --no-stream new", "stats --no-stream ended new", "stats --no-stream nope", "stats --no-stream up nope", "stats --no-stream --format {{.Nope", "stats --no-stream --format json new",
			"stats --no-stream --no-trunc new ended", "stats --no-stream --format {{.Container}};{{.Name}};{{.ID}};{{.CPUPerc}};{{.MemUsage}};{{.MemPerc}};{{.NetIO}};{{.BlockIO}};{{.PIDs}} new",
			"container stats --no-stream new", "stats --no-stream --format table{{.Name}} new", "stats nope",
		} {
			p.same(strings.Fields(line)...)
		}
		// What runs uses something else every time; the form is the same.
		const figures = `[0-9.]+([kKMG]?i?B|%)|\b[0-9]\b| {2,}`
		for _, line := range []string{"stats --no-stream", "stats -a --no-stream", "stats --no-stream up", "stats --no-stream still", "stats --no-stream --format json", "stats --no-stream --no-trunc"} {
			p.sameBut(figures, strings.Fields(line)...)
		}
	})
}

func TestTheLiveTableFollowsContainersThatComeAndGo(t *testing.T) {
	t.Parallel()
	eachDaemon(t, func(p pair) {
		term := p.berth.OnTerminal(24, 120, "stats", "--format", "table {{.Name}}\t{{.PIDs}}")
		term.Expect("NAME")
		p.docker.Must("run", "-d", "--name", "late", p.busybox, "sleep", "1000")
		term.Expect("late")
		term.Expect("\x1b[H")
		term.Expect("1\x1b[K\r\n")
		p.docker.Must("rm", "-f", "late")
		term.Expect("\x1b[HNAME      PIDS\x1b[K\r\n\x1b[K\r\n\x1b[J")
		term.Type("\x03")
		if code := term.Ends(); code != 130 {
			p.t.Errorf("exit code %d", code)
		}
	})
}

func TestEventsAreAlike(t *testing.T) {
	t.Parallel()
	eachDaemon(t, func(p pair) {
		inhabited(p)
		since := fmt.Sprint(time.Now().Add(-time.Hour).Unix())
		until := fmt.Sprint(time.Now().Unix())
		window := " --since " + since + " --until " + until
		for _, line := range []string{
			"events" + window, "system events" + window, "events --format json" + window, "events -f container=up" + window, "events -f type=container -f event=die" + window,
			"events --format {{.Type}};{{.Action}};{{.Actor.ID}};{{.Time}}" + window, "events -f event=nonsense" + window, "events --format {{.Nope", "events --since nonsense",
			"events --until nonsense", "events -f nonsense", "events --since 2 --until 1", "events x", "events --format {{json(.Actor.Attributes)}} -f container=ended" + window,
		} {
			p.same(strings.Fields(line)...)
		}
		live := p.berth.Begin("events", "-f", "container=up", "--format", "{{.Action}}")
		harness.Eventually(p.t, "the event is told", func() error {
			p.docker.Run("kill", "-s", "CONT", "up")
			if !strings.Contains(live.Stdout(), "kill") {
				return fmt.Errorf("so far %q", live.Stdout())
			}
			return nil
		})
	})
}

func TestTheDaemonIsDescribedAlike(t *testing.T) {
	t.Parallel()
	eachDaemon(t, func(p pair) {
		inhabited(p)
		for _, line := range []string{
			"system df", "system df -v", "system df --format json", "system df -v --format json", "system df --format raw", "system df -v --format raw", "system df --format {{.Type}};{{.Size}}",
			"system df --format {{.Nope", "system df x", "info -f {{.ServerVersion}};{{.NCPU}};{{.Driver}};{{.Containers}}", "system info -f {{json(.SecurityOptions)}}", "info -f {{",
			"version -f {{.Server.Version}};{{.Server.APIVersion}}", "version -f {{json(.Server)}}", "version -f {{", "info x", "version x",
		} {
			p.same(strings.Fields(line)...)
		}
		p.same("system", "df", "--format", `table {{.Type}}\t{{.Reclaimable}}`)
		// The client's part is about another client.
		server := func(r harness.Result) string {
			_, part, _ := strings.Cut(r.Stdout, "\nServer:")
			lines := strings.Split(part, "\n")
			for i, line := range lines {
				// Docker's client has the order of a map here.
				if names, ok := strings.CutPrefix(line, " Runtimes: "); ok {
					words := strings.Fields(names)
					slices.Sort(words)
					lines[i] = strings.Join(words, " ")
				}
			}
			// A line that came with docker 29, and one whose figures change from one moment to the next.
			lines = slices.DeleteFunc(lines, func(line string) bool {
				return strings.HasPrefix(line, " Firewall Backend:") || strings.HasPrefix(strings.TrimSpace(line), "warm sandboxes:")
			})
			return strings.Join(lines, "\n")
		}
		for _, command := range []string{"info", "version"} {
			if a, b := p.docker.Run(command), p.berth.Run(command); server(a) != server(b) || a.Code != b.Code || server(a) == "" {
				p.t.Errorf("%s\n%s", command, lineDiff(server(b), server(a)))
			}
		}
	})
}
