package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// process is what the memory scenarios need to know of one.
type process struct {
	pid      int
	name     string
	command  string
	rss, pss float64 // MiB
}

// processes lists the engine's own processes, not what runs in containers:
// those whose command line mentions the engine's places or programs.
func (b *bench) processes(e *engine) (list []process) {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		command, err := os.ReadFile(dir + "/cmdline")
		if err != nil || len(command) == 0 {
			continue
		}
		p := process{command: string(bytes.ReplaceAll(command, []byte{0}, []byte{' '}))}
		p.pid, _ = strconv.Atoi(filepath.Base(dir))
		program, _, _ := strings.Cut(p.command, " ")
		p.name = filepath.Base(program)
		_, run := b.places(e.name)
		if p.pid != os.Getpid() && strings.Contains(p.command, run+"/") {
			p.rss, p.pss = rollup(dir)
			list = append(list, p)
		}
	}
	return list
}

// rollup reads a process's memory in MiB.
func rollup(dir string) (rss, pss float64) {
	data, _ := os.ReadFile(dir + "/smaps_rollup")
	for line := range strings.Lines(string(data)) {
		var kib float64
		if n, _ := fmt.Sscanf(line, "Rss: %f kB", &kib); n == 1 {
			rss = kib / 1024
		}
		if n, _ := fmt.Sscanf(line, "Pss: %f kB", &kib); n == 1 {
			pss = kib / 1024
		}
	}
	return rss, pss
}

// available is the machine's available memory in MiB.
func available() float64 {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		var kib float64
		if n, _ := fmt.Sscanf(s.Text(), "MemAvailable: %f kB", &kib); n == 1 {
			return kib / 1024
		}
	}
	return 0
}

// steadyAvailable is the median of several looks: others use the machine too.
func steadyAvailable() float64 {
	var s samples
	for range 9 {
		s = append(s, available())
		time.Sleep(20 * time.Millisecond)
	}
	return s.at(0.5)
}

// idleMemory looks at the daemons before anything has run in them.
func idleMemory(b *bench) {
	rss := b.figure("memory, idle", "daemon RSS", "MiB")
	rss.target = target{atMost: 60}
	pss := b.figure("memory, idle", "daemon(s) PSS", "MiB")
	keeper := b.figure("memory, idle", "keeper PSS", "MiB")
	keeper.target = target{atMost: 4}
	time.Sleep(time.Second)
	for _, e := range b.engines {
		if e.absent != "" || !hasAPI(e) {
			continue
		}
		var sum float64
		for _, p := range b.processes(e) {
			switch p.name {
			case "berthd", "dockerd":
				rss.add(e, p.rss)
				sum += p.pss
			case "berth-keeper":
				keeper.add(e, p.pss)
			default:
				sum += p.pss
			}
		}
		pss.add(e, sum)
	}
}

// counter counts what is written to it.
type counter struct{ bytes int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.bytes += int64(len(p))
	return len(p), nil
}

// zeros reads as that many bytes.
type zeros struct{ left int }

func (z *zeros) Read(p []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), z.left)
	z.left -= n
	return n, nil
}

// sleepers is the mean PSS of the programs in the containers, MiB.
func sleepers() float64 {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	var sum float64
	var n int
	for _, dir := range dirs {
		command, _ := os.ReadFile(dir + "/cmdline")
		if bytes.HasPrefix(command, []byte("sleep\x00")) {
			_, pss := rollup(dir)
			sum += pss
			n++
		}
	}
	return sum / float64(max(n, 1))
}
