//go:build linux

package alike

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"berth/test/harness"
)

// pair is the two clients of a daemon.
type pair struct {
	t             *testing.T
	docker, berth harness.Client
	busybox       string
	dir           string // empty, for files of the test
}

// eachDaemon runs a comparison against Debian's docker.io and against berthd.
func eachDaemon(t *testing.T, compare func(p pair)) {
	t.Helper()
	t.Run("on docker.io", func(t *testing.T) {
		t.Parallel()
		onStock(t, compare)
	})
	t.Run("on berthd", func(t *testing.T) {
		t.Parallel()
		d := harness.Start(t)
		// The same version of the API, since answers have other fields in newer ones.
		berth := d.Client(t, "berth").Env("DOCKER_API_VERSION=1.50")
		compare(pair{t, d.Client(t, "docker"), berth, d.Busybox(), t.TempDir()})
	})
}

// onStock runs a comparison against docker.io alone.
func onStock(t *testing.T, compare func(p pair)) {
	t.Helper()
	d := harness.StartStock(t)
	compare(pair{t, d.Client(t, "docker"), d.Client(t, "berth"), d.Busybox(t), t.TempDir()})
}

// plain takes out of a result what is the program's name.
func plain(r harness.Result) harness.Result {
	names := strings.NewReplacer("docker: ", "berth: ", "'docker ", "'berth ", "Usage:  docker ", "Usage:  berth ", "\tdocker ", "\tberth ")
	r.Stderr = names.Replace(r.Stderr)
	// The stock client's library talks to itself when it is stopped in the middle.
	r.Stderr = regexp.MustCompile(`time="[^"]*" level=error msg="Can't .*\n`).ReplaceAllString(r.Stderr, "")
	// Placeholders that came or went with docker 29.
	for _, gone := range []string{`,"VirtualSize":"[^"]*"`, `"HealthStatus":"[^"]*",`} {
		r.Stdout = regexp.MustCompile(gone).ReplaceAllString(r.Stdout, "")
	}
	return r
}

// looks is how often a command that changes nothing is compared, since what it tells of
// time, of one container or of many, may change between two runs.
const looks = 8

// same runs a command that changes nothing with both clients and wants the same
// of them at one moment.
func (p pair) same(args ...string) {
	p.t.Helper()
	var got, want harness.Result
	for range looks {
		want, got = plain(p.docker.Run(args...)), plain(p.berth.Run(args...))
		if got == want {
			return
		}
	}
	p.t.Errorf("%q\n%s", args, differ(got, want))
}

// sameLines is same for a daemon that tells its lines in any order.
func (p pair) sameLines(args ...string) {
	p.t.Helper()
	sorted := func(r harness.Result) harness.Result {
		r = plain(r)
		lines := strings.SplitAfter(r.Stdout, "\n")
		slices.Sort(lines)
		r.Stdout = strings.Join(lines, "")
		return r
	}
	if want, got := sorted(p.docker.Run(args...)), sorted(p.berth.Run(args...)); got != want {
		p.t.Errorf("%q\n%s", args, differ(got, want))
	}
}

// sameBut is same with parts taken out of both.
func (p pair) sameBut(pattern string, args ...string) {
	p.t.Helper()
	mask := regexp.MustCompile(pattern)
	clean := func(r harness.Result) harness.Result {
		r = plain(r)
		r.Stdout, r.Stderr = mask.ReplaceAllString(r.Stdout, "*"), mask.ReplaceAllString(r.Stderr, "*")
		return r
	}
	if want, got := clean(p.docker.Run(args...)), clean(p.berth.Run(args...)); got != want {
		p.t.Errorf("%q\n%s", args, differ(got, want))
	}
}

func differ(got, want harness.Result) string {
	return fmt.Sprintf("berth  %d\n%s\n%s\ndocker %d\n%s\n%s", got.Code, got.Stdout, got.Stderr, want.Code, want.Stdout, want.Stderr)
}

// turn is a comparison of commands that change something: each client does them
// with containers and images of its own, whose names are as long as the other's.
type turn struct {
	harness.Client
	mine string // what the names of this client's objects begin with
	log  []string
	hide []*regexp.Regexp
}

// each lets both clients do the same and wants the same of them. What hide
// matches, IDs and times for example, is told as a star.
func (p pair) each(name string, do func(c *turn), hide ...string) {
	p.t.Helper()
	p.t.Run(name, func(t *testing.T) {
		var logs [2][]string
		for i, c := range []harness.Client{p.docker, p.berth} {
			c.T = t
			x := &turn{Client: c, mine: c.Name[:1] + "x"}
			for _, pattern := range append(hide, `\b[0-9a-f]{64}\b`, `\b[0-9a-f]{12}\b`) {
				x.hide = append(x.hide, regexp.MustCompile(pattern))
			}
			do(x)
			logs[i] = x.log
		}
		for i, want := range logs[0] {
			if got := logs[1][i]; got != want {
				first, _, _ := strings.Cut(want, ": {")
				t.Errorf("%s\n%s", first, lineDiff(got, want))
			}
		}
	})
}

// run runs a command and notes how it went.
func (c *turn) run(args ...string) harness.Result {
	c.T.Helper()
	return c.note(c.Run(args...), args...)
}

// typed runs a command with an input and notes how it went.
func (c *turn) typed(stdin string, args ...string) harness.Result {
	c.T.Helper()
	return c.note(c.In(strings.NewReader(stdin)).Run(args...), args...)
}

func (c *turn) note(r harness.Result, args ...string) harness.Result {
	c.log = append(c.log, c.masked(fmt.Sprintf("%q: %+v", args, plain(r))))
	return r
}

func (c *turn) masked(text string) string {
	text = strings.ReplaceAll(text, c.mine, "MINE")
	for _, pattern := range c.hide {
		text = pattern.ReplaceAllString(text, "*")
	}
	return text
}

// line splits a command line at blanks; MINE stands for the client's own names,
// and ${IFS} for a blank in an argument.
func (c *turn) line(line string) harness.Result {
	c.T.Helper()
	args := strings.Fields(strings.ReplaceAll(line, "MINE", c.mine))
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "${IFS}", " ")
	}
	return c.run(args...)
}

func (c *turn) lines(lines ...string) {
	c.T.Helper()
	for _, l := range lines {
		c.line(l)
	}
}

// lineDiff shows the lines that only one of two texts has, or where they are
// the same lines in another order, both.
func lineDiff(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	var out strings.Builder
	for _, line := range a {
		if !slices.Contains(b, line) {
			fmt.Fprintf(&out, "berth   %s\n", line)
		}
	}
	for _, line := range b {
		if !slices.Contains(a, line) {
			fmt.Fprintf(&out, "docker  %s\n", line)
		}
	}
	if out.Len() == 0 {
		return fmt.Sprintf("berth\n%s\ndocker\n%s", got, want)
	}
	return out.String()
}
