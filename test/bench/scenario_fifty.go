package main

import (
	"fmt"
	"sync"
	"time"
)

// fifty starts fifty sleeping containers an engine, one after the other and
// eight at a time, looks at them and removes them.
func fifty(b *bench) {
	n := b.rounds(50, 10)
	const group = "many containers"
	series := b.figure(group, fmt.Sprintf("%d run -d in sequence", n), "s")
	series.target = ofDocker(1.0 / 8)
	eight := b.figure(group, fmt.Sprintf("%d run -d, 8 at a time", n), "s")
	remove := b.figure(group, fmt.Sprintf("rm -f of %d", n), "s")
	look := b.newLook(n)
	for range b.rounds(2, 1) {
		for _, e := range b.engines {
			if e.absent != "" || !own(e) {
				continue
			}
			for _, workers := range []int{1, 8} {
				before := b.memory(e)
				took, err := e.many(n, workers)
				if err != nil {
					b.note("%s: %s: %s", group, e.name, firstLine(err.Error()))
					e.removeMany(n)
					break
				} else if workers == 1 {
					series.add(e, took.Seconds())
					look.at(b, e, before)
				} else {
					eight.add(e, took.Seconds())
				}
				took, err = e.removeMany(n)
				if err != nil {
					b.note("%s: %s: %s", group, e.name, firstLine(err.Error()))
					break
				}
				remove.add(e, took.Seconds())
				time.Sleep(500 * time.Millisecond) // what is cleaned up in the background is not the next one's
			}
		}
	}
}

// many starts n sleeping containers.
func (e *engine) many(n, workers int) (time.Duration, error) {
	began := time.Now()
	next := make(chan int)
	errs := make(chan error, workers)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			var failed error
			for i := range next {
				if failed == nil {
					_, failed = e.output(e.runLine("run", "-d", "--name", fmt.Sprint("many", i), imageName, "sleep", "1000")...)
				}
			}
			errs <- failed
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return 0, err
		}
	}
	return time.Since(began), nil
}

func (e *engine) removeMany(n int) (time.Duration, error) {
	args := []string{"rm", "-f"}
	for i := range n {
		args = append(args, fmt.Sprint("many", i))
	}
	if e.name == "podman" {
		args = append([]string{"rm", "-f", "-t", "0"}, args[2:]...)
	}
	return e.timed(args...)
}

// look is what is measured while the containers run.
type look struct {
	n                           int
	drop, own, keeper, pss      *row
	list1, list4, inspect, lsPs *row
	pingRate                    *row
}

func (b *bench) newLook(n int) *look {
	const group = "many containers"
	l := &look{n: n}
	l.drop = b.figure(group, "available memory a container", "MiB")
	l.own = b.figure(group, "… of it the program's PSS", "MiB")
	l.pss = b.figure(group, "engine's processes, PSS, a container", "MiB")
	l.keeper = b.figure(group, fmt.Sprintf("keeper PSS with %d", n), "MiB")
	l.keeper.target = target{atMost: 4}
	l.list1 = b.figure(group, "GET /containers/json, 1 client", "1/s")
	l.list4 = b.figure(group, "… 4 clients", "1/s")
	l.inspect = b.figure(group, "GET /containers/x/json", "1/s")
	l.pingRate = b.figure(group, "GET /_ping", "1/s")
	l.lsPs = b.figure(group, fmt.Sprintf("client ps with %d", n), "ms")
	for _, r := range []*row{l.list1, l.list4, l.inspect, l.pingRate} {
		r.moreIsBetter = true
	}
	// Fifty times the 24 a second that the project was first compared with, and fifty times what docker does here.
	l.list1.target = target{atLeast: 1200, of: []share{{"docker", 50}}}
	l.list4.target = target{of: []share{{"docker", 50}}}
	l.inspect.target = target{atLeast: 1000} // a millisecond each
	return l
}

// memory is what an engine and its containers take.
type memory struct {
	available float64 // of the machine, MiB
	engine    float64 // PSS of the engine's processes, MiB
	keeper    float64 // PSS of berth's keeper, MiB
}

func (b *bench) memory(e *engine) memory {
	m := memory{available: steadyAvailable()}
	for _, p := range b.processes(e) {
		m.engine += p.pss
		if p.name == "berth-keeper" {
			m.keeper = p.pss
		}
	}
	return m
}

func (l *look) at(b *bench, e *engine, before memory) {
	time.Sleep(300 * time.Millisecond)
	now := b.memory(e)
	l.drop.add(e, (before.available-now.available)/float64(l.n))
	l.pss.add(e, (now.engine-before.engine)/float64(l.n))
	if now.keeper > 0 {
		l.keeper.add(e, now.keeper)
	}
	l.own.add(e, sleepers())
	for range 5 {
		if took, err := e.timed("ps"); err == nil {
			l.lsPs.add(e, took.Seconds()*1000)
		}
	}
	if e.api == nil {
		return
	}
	for _, rate := range []struct {
		row     *row
		path    string
		clients int
	}{{l.list1, "/containers/json", 1}, {l.list4, "/containers/json", 4}, {l.inspect, "/containers/many0/json", 1}, {l.pingRate, "/_ping", 1}} {
		perSecond, err := e.api.rate(rate.path, rate.clients, time.Duration(b.rounds(1000, 200))*time.Millisecond)
		if err != nil {
			b.note("%s: %s: %s", rate.path, e.name, firstLine(err.Error()))
			continue
		}
		rate.row.add(e, perSecond)
	}
}

// rate is how many requests a second are answered.
func (a *api) rate(path string, clients int, during time.Duration) (float64, error) {
	began := time.Now()
	counts, errs := make([]int, clients), make([]error, clients)
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			for time.Since(began) < during && errs[i] == nil {
				_, _, errs[i] = a.drain(path)
				counts[i]++
			}
		})
	}
	wg.Wait()
	sum := 0
	for i := range clients {
		if errs[i] != nil {
			return 0, errs[i]
		}
		sum += counts[i]
	}
	return float64(sum) / time.Since(began).Seconds(), nil
}
