package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const smallFiles = 50_000

// hostImage is links into /usr, which a container of it has from the host: fio needs fifty libraries.
const hostImage = "host:latest"

func importHost(b *bench, e *engine) error {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, name := range []string{"bin", "lib", "lib64", "sbin"} {
		w.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: "usr/" + name, Mode: 0o777})
	}
	for _, name := range []string{"usr/", "tmp/", "etc/"} {
		w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o1777})
	}
	if err := w.Close(); err != nil {
		return err
	}
	path := filepath.Join(b.dir, "host.tar")
	if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
		return err
	}
	_, err := e.timed("import", path, hostImage)
	return err
}

// bareOverlay makes directories for what is compared, and mounts an overlay of one empty directory in another.
func bareOverlay(dir string) (merged string, err error) {
	for _, name := range []string{"bare", "bound", "lower", "upper", "work", "merged"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			return "", err
		}
	}
	merged = filepath.Join(dir, "merged")
	return merged, unix.Mount("overlay", merged, "overlay", 0, fmt.Sprintf("lowerdir=%[1]s/lower,upperdir=%[1]s/upper,workdir=%[1]s/work", dir))
}

// place is where fio works.
type place struct {
	name string
	args []string // of a run
	dir  string   // in the container, or on the host
	peer string   // which place's figure is the measure
	part float64  // and how much of it is promised
}

// rates measures what containers read and write in a volume, a bind mount and their own layer. It has fio work at each place in turn, so that the machine's noise falls on all of them.
func rates(b *bench) {
	e := b.named("berth")
	if _, err := exec.LookPath("fio"); err != nil || e.absent != "" {
		b.note("data: without berth and fio nothing can be told")
		return
	}
	if err := importHost(b, e); err != nil {
		b.note("data: %v", err)
		return
	}
	host := filepath.Join(b.dir, "rates")
	overlay, err := bareOverlay(host)
	if err != nil {
		b.note("data: %v", err)
		return
	}
	defer func() { unix.Unmount(overlay, 0); os.RemoveAll(host) }()
	places := []place{
		{name: "host", dir: host + "/bare"}, {name: "overlay", dir: overlay},
		{name: "bind", args: []string{"-v", host + "/bound:/work"}, dir: "/work", peer: "host", part: 0.98},
		{name: "volume", args: []string{"-v", "rates:/work"}, dir: "/work", peer: "host", part: 0.98},
		{name: "layer", dir: "/tmp/work", peer: "overlay", part: 0.9},
	}
	for _, w := range works(b) {
		rows := map[string]samples{}
		for round := range b.rounds(4, 3) {
			for i := range places {
				p := places[(i+round)%len(places)] // whoever comes first has the disk to itself
				rate, err := rate(b, e, p, w)
				if err != nil {
					b.note("data: %s, %s: %s", w.name, p.name, firstLine(err.Error()))
					continue
				}
				if round > 0 {
					rows[p.name] = append(rows[p.name], rate)
				}
			}
		}
		for _, p := range places {
			r := b.figure("data", w.name+", "+p.name, w.unit)
			r.values["berth"], r.moreIsBetter = rows[p.name], true
			if p.peer != "" {
				r.values[p.peer] = rows[p.peer]
				r.target = target{of: []share{{p.peer, p.part}}}
			}
		}
	}
	e.output("volume", "rm", "rates")
}

// work is one thing to do; rate reads from fio's report how fast it was.
type work struct {
	name, unit string
	args       []string // of fio; none for small files
}

func works(b *bench) []work {
	size := strconv.Itoa(b.rounds(128, 32)) + "m"
	until := "--runtime=" + strconv.Itoa(b.rounds(5, 1)) // whichever comes first, on a machine that is busy
	return []work{
		{"sequential write", "MiB/s", []string{"--rw=write", "--bs=1m", "--end_fsync=1", "--size=" + size, until}},
		{"sequential read", "MiB/s", []string{"--rw=read", "--bs=1m", "--direct=1", "--size=" + size, until}},
		{"random 4k write", "MiB/s", []string{"--rw=randwrite", "--bs=4k", "--direct=1", "--size=16m", until}},
		{"random 4k read", "MiB/s", []string{"--rw=randread", "--bs=4k", "--direct=1", "--size=16m", until}},
		{"write and fsync", "MiB/s", []string{"--rw=write", "--bs=4k", "--fsync=1", "--size=4m", until}},
		{"small files", "thousand/s", nil},
	}
}

// rate does the work at a place: on the host, or in a container that sees the host's programs.
func rate(b *bench, e *engine, p place, w work) (float64, error) {
	files := b.rounds(smallFiles, smallFiles/10)
	script := fmt.Sprintf(`mkdir -p %[1]s && cd %[1]s && fio --name=w --directory=%[1]s --output-format=json %[2]s; code=$?; rm -f w.*; exit $code`, p.dir, strings.Join(w.args, " "))
	if w.args == nil {
		script = fmt.Sprintf(`mkdir -p %[1]s/s && cd %[1]s/s && s=$(date +%%s%%N) && seq %[2]d | split -l 1 -a 5 - f && cat f* >/dev/null && rm -rf %[1]s/s && echo $(($(date +%%s%%N) - s))`, p.dir, files)
	}
	var cmd *exec.Cmd
	if p.peer == "" {
		cmd = exec.Command("sh", "-c", script)
	} else {
		args := append([]string{"--rm", "--network", "none", "-v", "/usr:/usr:ro"}, p.args...)
		cmd = e.command(e.runLine("run", append(args, hostImage, "sh", "-c", script)...)...)
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	run := e.room.run
	if p.peer == "" { // the overlay is mounted here
		run = (*exec.Cmd).Run
	}
	if err := run(cmd); err != nil {
		return 0, fmt.Errorf("%w: %s", err, errs.String())
	}
	if w.args == nil {
		ns, err := strconv.ParseFloat(string(bytes.TrimSpace(out.Bytes())), 64)
		return float64(files) / ns * 1e6, err
	}
	return bandwidth(out.Bytes())
}

// bandwidth is what fio's report says, in MiB a second.
func bandwidth(report []byte) (float64, error) {
	var r struct {
		Jobs []struct {
			Read, Write struct {
				BwBytes float64 `json:"bw_bytes"`
			}
		}
	}
	if err := json.Unmarshal(report[max(0, bytes.IndexByte(report, '{')):], &r); err != nil {
		return 0, err
	}
	var sum float64
	for _, j := range r.Jobs {
		sum += j.Read.BwBytes + j.Write.BwBytes
	}
	return sum / (1 << 20), nil
}
