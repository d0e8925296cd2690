//go:build linux

package integration

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"berth/test/harness"
)

// processes are the titles and rows of an answer, without the numbers that differ between any
// two containers.
func processes(t *testing.T, a harness.Answer) string {
	t.Helper()
	if a.Status != 200 {
		return a.Body
	}
	var table struct{ Titles, Processes any }
	var rows struct{ Processes [][]string }
	if err := json.Unmarshal([]byte(a.Body), &table); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(a.Body), &rows); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprint(table.Titles)
	for _, row := range rows.Processes {
		text += fmt.Sprintf("\n%d columns, %s", len(row), strings.TrimLeft(row[len(row)-1], `| \_`)) // where in a tree depends on all
	}
	return text
}

func TestTopAnswersAsDockersDoes(t *testing.T) {
	t.Parallel()
	docker := harness.StartDockerd(t)
	d := harness.Start(t)
	busybox := d.Busybox()
	for _, c := range []harness.Client{docker.Client(t), d.Client(t, "docker")} {
		c.Must("run", "-d", "--name", "up", busybox, "sh", "-c", "sleep 1001 & sleep 1002")
		c.Must("run", "--name", "ended", busybox, "true")
		for _, cmd := range []string{"sleep 1001", "sleep 1002"} {
			harness.Eventually(t, cmd, func() error {
				if out := c.Must("exec", "up", "ps"); !strings.Contains(out, cmd) {
					return fmt.Errorf("ps shows %s", out)
				}
				return nil
			})
		}
	}
	for _, path := range []string{
		"up/top", "up/top?ps_args=-ef", "up/top?ps_args=aux", "up/top?ps_args=" + url.QueryEscape("-o pid,comm"), "up/top?ps_args=-L",
		"up/top?ps_args=axf", "up/top?ps_args=" + url.QueryEscape("-o comm"), "up/top?ps_args=--bogus", "up/top?ps_args=" + url.QueryEscape("-o pid -o x=PID"),
		"up/top?ps_args=" + url.QueryEscape("-C nothing"), "ended/top", "nobody/top", "ended/top?ps_args=--bogus",
	} {
		a, b := docker.Ask(t, "GET", "/v1.41/containers/"+path, ""), d.Ask(t, "GET", "/v1.41/containers/"+path, "")
		theirs, ours := processes(t, a), processes(t, b)
		theirs = strings.Replace(theirs, `"Container `, `"container `, 1) // later ones have it small
		if strings.HasPrefix(path, "ended/top") {                         // the ID is another
			theirs, ours = theirs[:20], ours[:20]
		}
		if a.Status != b.Status || theirs != ours {
			t.Errorf("%s: Docker answers %d %s\nberth %d %s", path, a.Status, theirs, b.Status, ours)
		}
	}
	id := d.Client(t, "docker").Must("inspect", "-f", "{{.State.Pid}}", "up")
	if out := d.Client(t, "docker").Must("top", "up"); !strings.Contains(out, " "+id+" ") {
		t.Errorf("the process %s is not in %s", id, out)
	}
}
