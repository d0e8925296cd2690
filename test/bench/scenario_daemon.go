package main

import (
	"fmt"
	"strings"
	"time"
)

func clientAlone(b *bench) {
	for _, line := range []string{"--version", "version", "ps"} {
		b.single(shape{"client", []string{line}, b.rounds(15, 4), 0, "ms"}, hasClient, func(e *engine) (time.Duration, error) {
			return e.timed(strings.Fields(line)...)
		})
	}
}

func boot(b *bench) {
	n := 0
	row := b.single(shape{"daemon", []string{"start to first ping"}, b.rounds(5, 2), 0, "ms"}, func(e *engine) bool { return hasAPI(e) }, func(e *engine) (time.Duration, error) {
		n++
		r, err := newRoom()
		if err != nil {
			return 0, err
		}
		defer r.close()
		name := fmt.Sprint("boot", n)
		l := b.berthd(name, r)
		if e.name == "docker" {
			l = b.dockerd(name, r)
		}
		d, err := l.start()
		if err != nil {
			return 0, err
		}
		end(d.process)
		return d.ready, nil
	})
	row.target = target{atMost: 150}
}

// logs measures what the project promises of logs: written and read back three times as fast as Docker's, and found
// in without being read.
func logs(b *bench) {
	lines := b.rounds(1000000, 100000)
	script := fmt.Sprintf("yes %s | head -n %d", strings.Repeat("x", 99), lines)
	steps := []string{fmt.Sprintf("%d lines of 100 B, run to exit", lines), "… read back", "… the last ten", "… since their end", "… by the API, without a client", "… written with the engine's defaults"}
	rows := b.turns(shape{"logs", steps, b.rounds(2, 1), 0, "s"}, own, func(e *engine) (took []time.Duration, err error) {
		began := time.Now()
		name, err := e.writer("logs", script)
		if err != nil {
			return nil, err
		}
		took = append(took, time.Since(began))
		defer e.output("rm", "-f", name)
		for _, look := range []struct {
			args []string
			want int
		}{{nil, lines * 100}, {[]string{"--tail", "10"}, 1000}, {[]string{"--since", time.Now().UTC().Format(time.RFC3339Nano)}, 0}} {
			d, err := e.readLog(look.want, append(append([]string{"logs"}, look.args...), name)...)
			if err != nil {
				return nil, err
			}
			took = append(took, d)
		}
		if e.api == nil {
			return took, nil
		}
		_, d, err := e.api.drain("/containers/" + name + "/logs?stdout=1")
		if err != nil {
			return nil, err
		}
		took = append(took, d)
		began = time.Now()
		if _, err = e.output(e.runLine("run", "-d", "--name", "defaults", "--network", "none", imageName, "sh", "-c", script)...); err == nil {
			_, err = e.output("wait", "defaults")
		}
		took = append(took, time.Since(began))
		e.output("rm", "-f", "defaults")
		return took, err
	})
	for i, row := range rows {
		if i != 2 { // where both are at once
			row.target = ofDocker(1.0 / 3)
		}
	}
}

// readLog runs a client that shows so many bytes.
func (e *engine) readLog(want int, args ...string) (time.Duration, error) {
	counter := new(counter)
	cmd := e.command(args...)
	cmd.Stdout = counter
	began := time.Now()
	err := e.room.run(cmd)
	took := time.Since(began)
	if err == nil && counter.bytes != int64(want) {
		err = fmt.Errorf("%s showed %d bytes, not %d", strings.Join(args, " "), counter.bytes, want)
	}
	return took, err
}

// writer runs a script to its end in a container whose log takes all of it.
func (e *engine) writer(name, script string) (string, error) {
	if e.api == nil {
		if _, err := e.output(e.runLine("run", "-d", "--name", name, "--network", "none", imageName, "sh", "-c", script)...); err != nil {
			return name, err
		}
		_, err := e.output("wait", name)
		return name, err
	}
	id, _, err := e.api.create("none", "sh", "-c", script)
	if err != nil {
		return id, err
	}
	if _, err := e.api.startContainer(id); err != nil {
		return id, err
	}
	_, err = e.api.wait(id)
	return id, err
}

func attach(b *bench) {
	size := b.rounds(100, 20) << 20
	b.single(shape{"attach", []string{fmt.Sprintf("%d MiB stdin to stdout", size>>20)}, b.rounds(4, 1), 0, "s"}, hasClient, func(e *engine) (time.Duration, error) {
		counter := new(counter)
		cmd := e.command(e.runLine("run", "--rm", "-i", "--network", "none", imageName, "cat")...)
		cmd.Stdin, cmd.Stdout = &zeros{left: size}, counter
		began := time.Now()
		err := e.room.run(cmd)
		if err == nil && counter.bytes != int64(size) {
			err = fmt.Errorf("%d of %d bytes came back", counter.bytes, size)
		}
		return time.Since(began), err
	})
}

func images(b *bench) {
	for _, verb := range []string{"import", "load"} {
		b.single(shape{"image", []string{fmt.Sprintf("%s of %d MB", verb, b.rounds(4000, 1000)*24/1000)}, b.rounds(3, 1), 0, "s"}, own, func(e *engine) (time.Duration, error) {
			args := []string{"import", b.dir + "/big.tar", "big:imported"}
			if verb == "load" {
				args = []string{"load", "-i", b.dir + "/load.tar"}
			}
			took, err := e.timed(args...)
			if err == nil {
				_, err = e.output("rmi", map[string]string{"import": "big:imported", "load": "big:loaded"}[verb])
			}
			return took, err
		})
	}
}
