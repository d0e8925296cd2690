package main

import (
	"fmt"
	"time"
)

// many looks at what grows with the number of containers.
func many(b *bench) {
	listMany(b)
	sleepMany(b)
}

// listMany runs ps over containers that were created, while a stop of one that does not heed it is under way.
func listMany(b *bench) {
	n := b.rounds(500, 100)
	group := fmt.Sprintf("%d containers", n)
	list := b.figure(group, "client ps -a, one of them stuck in a stop", "ms")
	list.target = ofDocker(1.0 / 5)
	get := b.figure(group, "GET /containers/json?all=1", "1/s")
	get.moreIsBetter = true
	for _, e := range b.engines {
		if e.absent != "" || !hasAPI(e) {
			continue
		}
		ids, err := e.createMany(n)
		if err == nil {
			err = e.listWhileStuck(b.rounds(10, 3), list)
		}
		if err == nil {
			var perSecond float64
			perSecond, err = e.api.rate("/containers/json?all=1", 1, time.Duration(b.rounds(1000, 200))*time.Millisecond)
			get.add(e, perSecond)
		}
		if err != nil {
			b.note("%s: %s: %s", group, e.name, firstLine(err.Error()))
		}
		for _, id := range ids {
			e.api.remove(id, true)
		}
	}
}

func (e *engine) createMany(n int) (ids []string, err error) {
	for range n {
		id, _, err := e.api.create("none", "sleep", "1000")
		if err != nil {
			return ids, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// listWhileStuck starts one more container, whose process 1 ignores the signal that a stop begins with, and
// lists while that stop waits.
func (e *engine) listWhileStuck(times int, list *row) error {
	id, _, err := e.api.create("none", "sleep", "1000")
	if err != nil {
		return err
	}
	if _, err := e.api.startContainer(id); err != nil {
		return err
	}
	stopped := make(chan error, 1)
	go func() {
		_, err := e.api.do("POST", "/containers/"+id+"/stop?t=600", nil, nil)
		stopped <- err
	}()
	time.Sleep(200 * time.Millisecond) // for the stop to begin
	for range times {
		var took time.Duration
		if took, err = e.timed("ps", "-a"); err != nil {
			break
		}
		list.add(e, took.Seconds()*1000)
	}
	_, killed := e.api.do("POST", "/containers/"+id+"/kill", nil, nil)
	if killed == nil {
		<-stopped
	}
	e.api.remove(id, true)
	if err == nil {
		err = killed
	}
	return err
}

// sleepMany starts containers that sleep and looks at what each takes beside its own program.
func sleepMany(b *bench) {
	n := b.rounds(200, 20)
	group := fmt.Sprintf("%d sleeping containers", n)
	beside := b.figure(group, "available memory a container, less its own", "MiB")
	beside.target = target{atMost: 0.5}
	engine := b.figure(group, "engine's processes, PSS, a container", "MiB")
	engine.target = target{atMost: 0.5}
	for _, e := range b.engines {
		if e.absent != "" || !hasAPI(e) {
			continue
		}
		before := b.memory(e)
		_, err := e.many(n, 8)
		if err == nil {
			time.Sleep(time.Second)
			now := b.memory(e)
			beside.add(e, (before.available-now.available)/float64(n)-sleepers())
			engine.add(e, (now.engine-before.engine)/float64(n))
		} else {
			b.note("%s: %s: %s", group, e.name, firstLine(err.Error()))
		}
		if _, err := e.removeMany(n); err != nil {
			b.note("%s: %s: %s", group, e.name, firstLine(err.Error()))
		}
		time.Sleep(500 * time.Millisecond)
	}
}

// stopWilling stops a program that ends as soon as it is asked to. Its wait is a builtin, which the signal ends at once.
func stopWilling(b *bench) {
	row := b.single(shape{"stop", []string{"of a program that heeds SIGTERM"}, b.rounds(10, 3), gap, "ms"}, hasAPI, func(e *engine) (time.Duration, error) {
		id, _, err := e.api.create("bridge", "sh", "-c", "trap 'exit 0' TERM; echo ready; sleep 1000 & wait")
		if err != nil {
			return 0, err
		}
		defer e.api.remove(id, true)
		if _, err := e.api.startContainer(id); err != nil {
			return 0, err
		}
		for range 1000 {
			if n, _, err := e.api.drain("/containers/" + id + "/logs?stdout=1"); err != nil {
				return 0, err
			} else if n > 0 {
				return e.api.do("POST", "/containers/"+id+"/stop", nil, nil)
			}
			time.Sleep(5 * time.Millisecond)
		}
		return 0, fmt.Errorf("it never became ready")
	})
	row.target = ofDocker(1.0 / 5)
}
