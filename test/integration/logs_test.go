//go:build linux

package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"berth/test/harness"
)

func TestLogsShowWhatTheirFlagsSay(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		name := "logs-" + c.Name
		c.Must("run", "--name", name, busybox, "sh", "-c", "for i in 1 2 3 4; do echo out $i; done; echo err >&2; printf 'no end'")
		r := c.Run("logs", name)
		if r != (harness.Result{Stdout: "out 1\nout 2\nout 3\nout 4\nno end", Stderr: "err\n"}) {
			t.Errorf("got %+v", r)
		}
		if r := c.Run("logs", "-n", "2", name); len(strings.Split(strings.TrimSpace(r.Stdout+r.Stderr), "\n")) > 2 {
			t.Errorf("the last two are %+v", r)
		}
		c.Prints("", "logs", "--tail", "0", name)
		if r := c.Run("logs", "--tail", "all", "-f", name); !strings.HasPrefix(r.Stdout, "out 1\n") || r.Code != 0 {
			t.Errorf("got %+v", r)
		}
		c.Must("rm", name)
		c.Fails(1, "No such container", "logs", name)
	})
}

func TestLogsAreCutByTime(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		name := "times-" + c.Name
		c.Must("run", "-di", "--name", name, busybox, "sh", "-c", "while read x; do [ $x = end ] && exit 0; echo $x; done")
		attached := c.Begin("attach", name)
		for _, line := range []string{"one", "two", "three"} { // apart, so that each has a time of its own
			send(t, attached, line+"\n")
			attached.Await(line)
		}
		send(t, attached, "end\n")
		attached.Ends()
		var times []string
		for line := range strings.SplitSeq(c.Must("logs", "-t", name), "\n") {
			at, text, _ := strings.Cut(line, " ")
			if _, err := time.Parse("2006-01-02T15:04:05.000000000Z", at); err != nil || text == "" {
				t.Errorf("the time of line %q: %v", line, err)
			}
			times = append(times, at)
		}
		if len(times) != 3 {
			t.Fatalf("the log has %d lines", len(times))
		}
		c.Prints("two\nthree", "logs", "--since", times[1], name)
		c.Prints("one\ntwo", "logs", "--until", times[1], name)
		c.Prints("two", "logs", "--since", times[1], "--until", times[1], name)
		c.Prints("", "logs", "--until", "2001-01-01T00:00:00Z", name)
		c.Prints("one\ntwo\nthree", "logs", "--since", "24h", name)
		c.Must("rm", name)
	})
}

func TestLogsAreFollowedToTheEnd(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		name := "follow-" + c.Name
		c.Must("run", "-di", "--name", name, busybox, "sh", "-c", "echo begin; while read x; do [ $x = end ] && exit 2; echo got $x; done")
		follow := c.Begin("logs", "-f", name)
		follow.Await("begin")
		p := c.Begin("attach", name)
		send(t, p, "one\n")
		follow.Await("got one")
		send(t, p, "two\n")
		follow.Await("got two")
		send(t, p, "end\n")
		if r := follow.Ends(); r.Stdout != "begin\ngot one\ngot two\n" || r.Code != 0 {
			t.Errorf("got %+v", r)
		}
		c.Prints("2", "wait", name)
		c.Must("rm", name)
	})
}

func TestALargeOutputIsLoggedWithoutAGap(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	const lines = 200_000
	var want strings.Builder
	for i := 1; i <= lines; i++ {
		fmt.Fprintln(&want, i)
	}
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		id := c.Must("run", "-d", busybox, "seq", "1", fmt.Sprint(lines))
		if got := c.Run("logs", "-f", id).Stdout; got != want.String() {
			t.Errorf("the log followed has %d bytes, want %d", len(got), want.Len())
		}
		c.Prints("0", "wait", id)
		if got := c.Run("logs", id).Stdout; got != want.String() {
			t.Errorf("the log has %d bytes, want %d", len(got), want.Len())
		}
		c.Must("rm", id)
	})
}
