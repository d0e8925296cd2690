package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// engine is one column of the table.
type engine struct {
	name    string
	absent  string // why it is not there; "" when it is
	version string
	room    *room
	client  []string // how its command line starts
	runArgs []string // what every run and create is given beside
	env     []string
	api     *api // nil for those without a daemon
	// turns is how often it is measured for each time that a slow engine is:
	// a fast one then gets enough samples for its p99 without the run becoming long.
	turns  int
	daemon *daemon
	bundle string // of those that only run bundles
}

// command is the engine's client with arguments.
func (e *engine) command(args ...string) *exec.Cmd {
	cmd := exec.Command(e.client[0], append(e.client[1:len(e.client):len(e.client)], args...)...)
	cmd.Env = append(os.Environ(), e.env...)
	return cmd
}

// timed runs the engine's client to its end.
func (e *engine) timed(args ...string) (time.Duration, error) {
	cmd := e.command(args...)
	began := time.Now()
	err := e.room.run(cmd)
	return time.Since(began), err
}

// output runs the engine's client and returns what it printed.
func (e *engine) output(args ...string) (string, error) {
	var out bytes.Buffer
	cmd := e.command(args...)
	cmd.Stdout = &out
	err := e.room.run(cmd)
	return strings.TrimSpace(out.String()), err
}

// runLine is the arguments of a run: verb, the engine's own, then the caller's.
func (e *engine) runLine(verb string, args ...string) []string {
	return append(append([]string{verb}, e.runArgs...), args...)
}

// daemon is a running daemon.
type daemon struct {
	process *os.Process
	socket  string
	log     string
	ready   time.Duration // from its start to the first answered ping
}

// launch describes how a daemon is started in a directory of its own.
type launch struct {
	room *room
	argv []string
	env  []string
	dir  string
}

// start starts a daemon and waits for its first ping.
func (l launch) start() (*daemon, error) {
	d := &daemon{socket: filepath.Join(l.dir, "api.sock"), log: filepath.Join(l.dir, "daemon.log")}
	if err := os.MkdirAll(l.dir, 0o711); err != nil {
		return nil, err
	}
	log, err := os.Create(d.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(l.argv[0], l.argv[1:]...)
	cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), l.env...), log, log
	began := time.Now()
	if err := l.room.start(cmd); err != nil {
		return nil, err
	}
	d.process = cmd.Process
	gone := make(chan struct{})
	go func() { cmd.Wait(); close(gone) }()
	a := newAPI(d.socket)
	for time.Since(began) < 30*time.Second {
		if _, err := a.do("GET", "/_ping", nil, nil); err == nil {
			d.ready = time.Since(began)
			a.http.CloseIdleConnections()
			return d, nil
		}
		select {
		case <-gone:
			return nil, fmt.Errorf("ended at once: %s", d.lastWords())
		case <-time.After(time.Millisecond):
		}
	}
	end(d.process)
	return nil, fmt.Errorf("does not answer: %s", d.lastWords())
}

func (d *daemon) lastWords() string {
	data, _ := os.ReadFile(d.log)
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return lines[len(lines)-1]
}

// places are the directories of one daemon: data on the disk, the rest in /run
// as on a real system.
func (b *bench) places(name string) (data, run string) {
	return filepath.Join(b.dir, name), filepath.Join("/run", name)
}

func (b *bench) berthd(name string, r *room) launch {
	data, run := b.places(name)
	return launch{room: r, dir: run, argv: []string{filepath.Join(b.bin, "berthd"), "-H", "unix://" + run + "/api.sock", "--no-docker-socket", "--group", "root",
		"--data-root", data, "--exec-root", run + "/exec", "--pidfile", run + "/pid", "--cgroup-parent", "/" + b.stamp + "/" + name}}
}

func (b *bench) dockerd(name string, r *room) launch {
	data, run := b.places(name)
	return launch{room: r, dir: run, env: b.peerEnv(), argv: []string{filepath.Join(b.root, "usr/sbin/dockerd"), "-H", "unix://" + run + "/api.sock", "-G", "root",
		"--data-root", data, "--exec-root", run + "/exec", "--pidfile", run + "/pid", "--cgroup-parent", "/" + b.stamp + "/" + name}}
}

// peerEnv lets the unpacked programs find each other.
func (b *bench) peerEnv() []string {
	return []string{"PATH=" + b.root + "/usr/sbin:" + b.root + "/usr/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
}
