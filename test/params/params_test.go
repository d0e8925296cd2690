//go:build linux

package params

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"berth/test/harness"
)

// newest is the version that parameters are tried in for which docker.io is too old.
const newest = "v1.52"

// TestEveryParameterIsAnsweredAsDebiansDockerAnswersIt sends every try of the table to both engines.
func TestEveryParameterIsAnsweredAsDebiansDockerAnswersIt(t *testing.T) {
	docker := harness.StartDockerd(t)
	docker.Client(t).In(bytes.NewReader(harness.BusyboxTar(t))).Must("import", "-c", `CMD ["sh"]`, "-", "busybox")
	berth := harness.Start(t)
	berth.Busybox()
	list := List()
	for i := range list {
		e := &list[i]
		t.Run(e.Name, func(t *testing.T) {
			if !e.Alone {
				t.Parallel() // after all that are alone
			}
			made := func(socket, suffix string) *engine {
				return &engine{T: t, socket: socket, version: "v1.41", suffix: suffix, ids: map[string]string{}, ever: map[string]string{}, begin: time.Now()}
			}
			var found []string
			for attempt := range 1 + e.Again {
				suffix := fmt.Sprint("x", i, "y", attempt)
				found = compare(t, e, made(docker.Socket(), suffix), made(berth.Socket(), suffix))
				if len(found) == 0 {
					break
				}
			}
			for _, problem := range found {
				t.Error(problem)
			}
		})
	}
}

// compare sends an endpoint's tries to two engines, both at a time, and returns what differs and should not.
func compare(t *testing.T, e *Endpoint, theirs, ours *engine) (found []string) {
	t.Helper()
	problem := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	list := readDifferences(t)
	var lines [2][][]string
	tries := e.Tries()
	var both sync.WaitGroup
	for side, x := range []*engine{theirs, ours} {
		both.Go(func() {
			x.prepare(e.Setup)
			for _, try := range tries {
				switch {
				case try.Want == "":
					lines[side] = append(lines[side], x.try(try, e.Values))
				case x == ours:
					lines[side] = append(lines[side], x.newer(try))
				default:
					lines[side] = append(lines[side], []string{x.masked(x.expand(try.Want))})
				}
			}
			x.cleanUp()
		})
	}
	both.Wait()
	for i := range tries {
		if len(lines[0]) <= i || len(lines[1]) <= i {
			t.Fatalf("%s: not tried", tries[i].Title)
		}
		if slices.Contains(lines[0][i], "status 301") {
			// Docker sends who asks with an empty part elsewhere: GET /containers//json becomes the
			// list. Here such a path means nothing, or the object whose name it begins with a slash.
			if got := lines[1][i][0]; !slices.Contains([]string{"status 200", "status 201", "status 204", "status 304", "status 404"}, got) {
				problem("%s: %s", tries[i].Request, got)
			}
			continue
		}
		for _, line := range missing(lines[0][i], lines[1][i]) {
			if !ofTheDisk(line) && !list.meant(e.Name, tries[i].Request, "docker", line) {
				problem("%s\n\tdocker %s", tries[i].Request, line)
			}
		}
		for _, line := range missing(lines[1][i], lines[0][i]) {
			if !usual(line) && !ofTheDisk(line) && !list.meant(e.Name, tries[i].Request, "berth", line) {
				problem("%s\n\tberth  %s", tries[i].Request, line)
			}
		}
	}
	for _, d := range list.unmet(e.Name) {
		problem("the answers no longer differ as the list says: %s", d)
	}
	return found
}

// missing are the lines that others have not.
func missing(lines, others []string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return slices.Contains(others, line) })
}

// ofTheDisk are counters that are there once a container has read from a disk, and not while all it
// needs is in the kernel's memory.
func ofTheDisk(line string) bool {
	return strings.HasPrefix(line, "shape blkio_stats.io_service_bytes_recursive") || strings.HasPrefix(line, "shape blkio_stats.io_serviced_recursive")
}

// usual are the headers that every answer of berth has, and of Docker only one of a route that there is.
func usual(line string) bool {
	return slices.Contains([]string{"header Api-Version: <version>", "header Docker-Experimental: false", "header Ostype: linux", "header Server: <product>"}, line)
}

// newer tells the status of a try in the newest version, and its message if it is one.
func (e *engine) newer(t Try) []string {
	e.Helper()
	e.version = newest
	defer func() { e.version = "v1.41" }()
	lines := e.try(t, nil)
	out := strings.TrimPrefix(lines[0], "status ")
	for _, line := range lines {
		if text, ok := strings.CutPrefix(line, `body {"message":"`); ok {
			out += " " + strings.TrimSuffix(text, `"}`)
		}
	}
	return []string{e.masked(out)}
}

// cleanUp removes what the endpoint made, so that the engines have little to list.
func (e *engine) cleanUp() {
	for name := range e.ids {
		if name != "last" && name != "exec" {
			e.do("DELETE /containers/{" + name + ".id}?force=1&v=1")
		}
	}
}
