package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// churnWorkers is how many containers come and go at a time.
const churnWorkers = 4

// churn starts and removes containers in a loop: how many a second, and what
// of the engine has grown when they are gone. Slow engines get fewer of them,
// and so the growths are for berth to look at.
func churn(b *bench) {
	const group = "churn, 4 at a time"
	rate := b.figure(group, "containers a second", "1/s")
	rate.moreIsBetter = true
	count := b.figure(group, "containers in this run", "")
	growth := []*row{
		b.figure(group, "growth: engine's PSS", "MiB"), b.figure(group, "growth: descriptors", ""),
		b.figure(group, "growth: control groups", ""), b.figure(group, "growth: mounts", ""),
	}
	for _, e := range b.engines {
		if e.absent != "" || !hasAPI(e) {
			continue
		}
		n := b.rounds(60, 12)
		if e.turns > 1 {
			n = b.rounds(1000, 100)
		}
		if _, err := e.comeAndGo(n / 10); err != nil { // the first ones fill pools and caches
			b.note("%s: %s: %s", group, e.name, firstLine(err.Error()))
			continue
		}
		time.Sleep(2 * time.Second)
		before := possessions(b, e)
		took, err := e.comeAndGo(n)
		if err != nil {
			b.note("%s: %s: %s", group, e.name, firstLine(err.Error()))
			continue
		}
		rate.add(e, float64(n)/took.Seconds())
		count.add(e, float64(n))
		time.Sleep(2 * time.Second)
		for i, after := range possessions(b, e) {
			growth[i].add(e, after-before[i])
		}
	}
}

// comeAndGo creates, starts, awaits and removes n containers.
func (e *engine) comeAndGo(n int) (time.Duration, error) {
	began := time.Now()
	next := make(chan int, n)
	for i := range n {
		next <- i
	}
	close(next)
	errs := make(chan error, churnWorkers)
	var wg sync.WaitGroup
	for range churnWorkers {
		wg.Go(func() {
			for range next {
				if err := e.apiLife("bridge"); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	return time.Since(began), <-errs
}

// possessions are the engine's memory (MiB), open descriptors, control groups
// and mounts.
func possessions(b *bench, e *engine) [4]float64 {
	var has [4]float64
	for _, p := range b.processes(e) {
		has[0] += p.pss
		dir := fmt.Sprintf("/proc/%d/", p.pid)
		fds, _ := os.ReadDir(dir + "fd")
		has[1] += float64(len(fds))
		if strings.HasSuffix(p.name, "d") { // berthd, dockerd
			mounts, _ := os.ReadFile(dir + "mountinfo")
			has[3] += float64(bytes.Count(mounts, []byte("\n")))
		}
	}
	for _, pattern := range []string{"/sys/fs/cgroup/*/", "/sys/fs/cgroup/"} {
		groups, _ := filepath.Glob(pattern + b.stamp + "/" + e.name + "/*")
		for _, g := range groups {
			if st, err := os.Stat(g); err == nil && st.IsDir() {
				has[2]++
			}
		}
	}
	return has
}
