package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// group is a set of scenarios that can be asked for by name.
type group struct {
	name, what string
	run        func(*bench)
}

func groups() []group {
	return []group{
		{"idle", "memory of the idle daemons", idleMemory},
		{"run", "client run --rm … true", clientRun},
		{"api", "API create, start, wait, rm", apiRun},
		{"steps", "API verbs one by one", apiSteps},
		{"exec", "start request to the program's first instruction", startToExec},
		{"bundle", "one bundle, from the runtimes' command lines", bundleRun},
		{"churn", "many containers started and removed, four at a time", churn},
		{"fifty", "fifty containers: time, memory, list and inspect", fifty},
		{"many", "hundreds of containers: ps, and what one that sleeps takes", many},
		{"stop", "stop of a program that ends when it is asked to", stopWilling},
		{"client", "the client alone", clientAlone},
		{"boot", "daemon start to first ping", boot},
		{"logs", "a million lines", logs},
		{"attach", "100 MB through stdin and stdout", attach},
		{"image", "import and load", images},
		{"files", "commit, cp both ways and export", files},
		{"backup", "a volume to a directory and back", backups},
		{"transfer", "load, push, pull and save of packed layers", transfers},
		{"fill", "the first use of a volume, which is filled from the image", filled},
		{"data", "volumes, binds and layers beside the bare host", rates},
		{"registry", "berth-registry beside docker-registry and nginx", registries},
	}
}

func groupNames() (names []string) {
	for _, g := range groups() {
		names = append(names, g.name)
	}
	return names
}

func clientRun(b *bench) {
	for _, idle := range b.spells() {
		for _, network := range []string{"bridge", "none", "host"} {
			if network == "host" && (idle > 0 || b.quick) {
				continue
			}
			row := b.single(shape{"client run --rm true", []string{network + spell(idle)}, b.rounds(12, 2), idle, "ms"}, hasClient, func(e *engine) (time.Duration, error) {
				return e.timed(e.runLine("run", "--rm", "--network", network, imageName, "true")...)
			})
			if network != "host" {
				row.target = ofDocker(0.1)
			}
		}
	}
}

// spells are the pauses that most scenarios are measured with.
func (b *bench) spells() []time.Duration {
	if b.quick {
		return []time.Duration{gap}
	}
	return []time.Duration{0, gap}
}

func spell(idle time.Duration) string {
	if idle > 0 {
		return fmt.Sprintf(", %d ms gaps", idle.Milliseconds())
	}
	return ", hot"
}

func apiRun(b *bench) {
	for _, idle := range b.spells() {
		for _, network := range []string{"bridge", "none"} {
			row := b.single(shape{"API create+start+wait+rm", []string{network + spell(idle)}, b.rounds(15, 3), idle, "ms"}, hasAPI, func(e *engine) (time.Duration, error) {
				began := time.Now()
				err := e.apiLife(network)
				return time.Since(began), err
			})
			if network == "bridge" {
				row.target = ofDocker(0.1)
			}
		}
	}
}

// apiLife is one container from create to rm.
func (e *engine) apiLife(network string) error {
	id, _, err := e.api.create(network, "true")
	if err != nil {
		return err
	}
	if _, err := e.api.startContainer(id); err != nil {
		return err
	}
	if _, err := e.api.wait(id); err != nil {
		return err
	}
	_, err = e.api.remove(id, false)
	return err
}

func apiSteps(b *bench) {
	names := []string{"create", "start", "exec true", "stop -t0", "rm", "rm -f running"}
	for _, idle := range b.spells() {
		steps := make([]string, len(names))
		for i, n := range names {
			steps[i] = n + spell(idle)
		}
		rows := b.turns(shape{"API verbs, bridge", steps, b.rounds(10, 2), 0, "ms"}, hasAPI, func(e *engine) ([]time.Duration, error) { return e.verbs(idle) })
		rows[slices.Index(names, "exec true")].target = ofDocker(0.1)
	}
}

// verbs times a container's verbs one by one, idle before each.
func (e *engine) verbs(idle time.Duration) (took []time.Duration, err error) {
	var id string
	step := func(f func() (time.Duration, error)) {
		if err != nil {
			return
		}
		time.Sleep(idle)
		var d time.Duration
		d, err = f()
		took = append(took, d)
	}
	create := func() (d time.Duration, err error) {
		id, d, err = e.api.create("bridge", "sleep", "1000")
		return d, err
	}
	step(create)
	step(func() (time.Duration, error) { return e.api.startContainer(id) })
	step(func() (time.Duration, error) { return e.api.exec(id, "true") })
	step(func() (time.Duration, error) { return e.api.do("POST", "/containers/"+id+"/stop?t=0", nil, nil) })
	step(func() (time.Duration, error) { return e.api.remove(id, false) })
	if err != nil {
		return took, err
	}
	if _, err := create(); err != nil {
		return took, err
	}
	if _, err := e.api.startContainer(id); err != nil {
		return took, err
	}
	step(func() (time.Duration, error) { return e.api.remove(id, true) })
	return took, err
}

func startToExec(b *bench) {
	for _, network := range []string{"bridge", coldBridge, "none"} {
		for _, idle := range b.spells() {
			row := b.single(shape{"start request to program", []string{network + spell(idle)}, b.rounds(12, 3), idle, "ms"},
				func(e *engine) bool {
					if stampProgram() == nil || network == coldBridge && e.api == nil {
						return false
					}
					return (e.bundle != "" || own(e)) && (e.bundle == "" || network == "none")
				},
				func(e *engine) (time.Duration, error) { return e.untilProgram(network, idle) })
			if most := map[string]float64{"bridge": 2, coldBridge: 5}[network]; idle > 0 {
				row.target = target{atMost: most}
			}
		}
	}
}

// coldBridge are containers on the bridge for which no sandbox waits, since their
// control groups go where nobody could know.
const (
	coldBridge = "bridge, cold"
	coldParent = "berth-bench-cold"
)

// untilProgram is the time from the request to the program's own first look
// at the clock. Only the start counts, not the create before it.
func (e *engine) untilProgram(network string, idle time.Duration) (time.Duration, error) {
	var said string
	var began int64
	var err error
	switch {
	case e.bundle != "":
		began = monotonic()
		said, err = e.output("run", "--bundle", e.bundle, fmt.Sprint("b", began))
	case e.api != nil:
		said, began, err = e.stampByAPI(network, idle)
	default:
		if _, err = e.output(e.runLine("create", "--name", "stamp", "--network", network, imageName, "stamp")...); err != nil {
			return 0, err
		}
		time.Sleep(idle)
		began = monotonic()
		said, err = e.output("start", "--attach", "stamp")
		e.output("rm", "-f", "stamp")
	}
	if err != nil {
		return 0, err
	}
	return sinceStamp(said, began)
}

func sinceStamp(said string, began int64) (time.Duration, error) {
	if len(said) > 16 {
		said = said[len(said)-16:] // after the stream's header
	}
	at, err := strconv.ParseInt(said, 16, 64)
	return time.Duration(at - began), err
}

func (e *engine) stampByAPI(network string, idle time.Duration) (said string, began int64, err error) {
	id, _, err := e.api.create(network, "stamp")
	if err != nil {
		return "", 0, err
	}
	defer e.api.remove(id, true)
	time.Sleep(idle)
	began = monotonic()
	if _, err := e.api.startContainer(id); err != nil {
		return "", 0, err
	}
	if _, err := e.api.wait(id); err != nil {
		return "", 0, err
	}
	body, err := e.api.request("GET", "/containers/"+id+"/logs?stdout=1", nil)
	if err != nil {
		return "", 0, err
	}
	defer body.Close()
	data := make([]byte, 64)
	n, _ := body.Read(data)
	return strings.TrimSpace(string(data[:n])), began, nil
}

func monotonic() int64 {
	var ts unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return ts.Nano()
}
