//go:build linux

package integration

import (
	"testing"

	"berth/test/harness"
)

func TestATerminalIsRawAndFollowsTheWindow(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		term := c.OnTerminal(41, 117, "run", "--rm", "-it", busybox, "sh", "-c", "trap 'echo size $(stty size)' WINCH; trap 'echo interrupted; exit 44' INT; stty size; echo $TERM; while :; do sleep 0.1; done")
		term.Expect("41 117\r\nxterm\r\n")
		term.Resize(33, 99)
		term.Expect("size 33 99")
		term.Type("\x03") // goes through the client, to the container's terminal
		term.Expect("interrupted")
		if code := term.Ends(); code != 44 {
			t.Errorf("exit code %d; seen: %q", code, term.Seen())
		}
	})
}

func TestATerminalEchoesAndEndsAtEndOfFile(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		term := c.OnTerminal(24, 80, "run", "--rm", "-it", busybox, "sh", "-c", "echo ready; cat; exit 8")
		term.Expect("ready\r\n")
		term.Type("line\r")
		term.Expect("line\r\nline\r\n")
		term.Type("\x04")
		if code := term.Ends(); code != 8 {
			t.Errorf("exit code %d; seen: %q", code, term.Seen())
		}
	})
}

func TestDetachKeysLeaveTheContainerRunning(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		name := "detached-" + c.Name
		term := c.OnTerminal(24, 80, "run", "-it", "--name", name, busybox, "sh", "-c", "echo ready; while read x; do echo got $x; [ $x = end ] && exit 5; done")
		term.Expect("ready")
		term.Type("one\r")
		term.Expect("got one")
		term.Type("\x10\x11") // ctrl-p ctrl-q
		if code := term.Ends(); code != 0 {
			t.Errorf("detaching ended with %d; seen: %q", code, term.Seen())
		}
		c.Prints("running 0", "inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name)

		term = c.OnTerminal(24, 80, "attach", "--detach-keys", "ctrl-a,d", name)
		term.Type("two\r")
		term.Expect("got two")
		term.Type("\x01d")
		if code := term.Ends(); code != 1 {
			t.Errorf("detaching from attach ended with %d; seen: %q", code, term.Seen())
		}
		c.Prints("running 0", "inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name)

		term = c.OnTerminal(24, 80, "attach", name)
		term.Type("end\r")
		term.Expect("got end")
		if code := term.Ends(); code != 5 {
			t.Errorf("exit code %d; seen: %q", code, term.Seen())
		}
		c.Must("rm", name)
	})
}

func TestExecHasATerminalOfItsOwn(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		name := "execterm-" + c.Name
		c.Must("run", "-d", "--name", name, busybox, "sleep", "1000")
		term := c.OnTerminal(30, 90, "exec", "-it", name, "sh", "-c", "s=$(stty size); echo first $s; while [ ! -e /end ]; do n=$(stty size); [ \"$n\" = \"$s\" ] || echo size $n; s=$n; sleep 0.1; done; read x; echo got $x; exit 12")
		term.Expect("first 30 90")
		term.Resize(20, 70)
		term.Expect("size 20 70")
		c.Must("exec", name, "touch", "/end")
		term.Type("keys\r")
		term.Expect("got keys")
		if code := term.Ends(); code != 12 {
			t.Errorf("exit code %d; seen: %q", code, term.Seen())
		}
		c.Must("rm", "-f", name)
	})
}

func TestATerminalIsRefusedWhereThereIsNone(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		r := c.Run("run", "--rm", "-it", "berth/hello")
		if r.Code == 0 {
			t.Errorf("got %+v", r)
		}
		c.Prints("", "ps", "-aq")
	})
}
