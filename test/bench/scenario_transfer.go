package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/sys/unix"
)

// transfers moves an image of packed layers, which are the system's own files, between an engine, an archive and a
// registry on loopback. Beside the time of each step stands what the daemon and its children used of the processors:
// on a busy machine that is the figure that can be trusted.
func transfers(b *bench) {
	mib := b.rounds(500, 60)
	archive := filepath.Join(b.dir, "packed.tar")
	if err := packedArchive(archive, mib); err != nil {
		b.note("transfer: %s", firstLine(err.Error()))
		return
	}
	defer os.Remove(archive)
	steps := []string{fmt.Sprintf("load of %d MiB of packed layers", mib), "push of them", "pull of them", "pull of what is there", "save of them"}
	cpu := make([]*row, len(steps))
	for i, step := range steps {
		cpu[i] = &row{group: "transfer", name: step + ", CPU", unit: "s", values: map[string]samples{}}
	}
	rows := b.turns(shape{"transfer", steps, b.rounds(5, 2), 0, "s"}, func(e *engine) bool { return own(e) && e.daemon != nil },
		func(e *engine) ([]time.Duration, error) { return thereAndBack(b, e, archive, cpu) })
	for _, row := range rows {
		row.target = ofDocker(1 / 1.5)
	}
	rows[3].target = target{atMost: 0.03}
	b.rows = append(b.rows, cpu...)
}

// thereAndBack is one turn. The registry is a new one: what an earlier turn has pushed would not be sent again.
func thereAndBack(b *bench, e *engine, archive string, cpu []*row) (took []time.Duration, err error) {
	dir, err := os.MkdirTemp(b.dir, "registry")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	const address = "127.0.0.1:5999" // in the engine's own network namespace
	server := exec.Command(filepath.Join(b.bin, "berth-registry"), "serve", "--data", dir, "--listen", address)
	if err := e.room.start(server); err != nil {
		return nil, err
	}
	defer end(server.Process)
	if err := e.room.do(func() error { return reachable(address) }); err != nil {
		return nil, err
	}
	const name = address + "/packed:1"
	defer e.output("rmi", name)
	for i, args := range [][]string{{"load", "-i", archive}, {"push", name}, {"pull", name}, {"pull", name}, {"save", "-o", filepath.Join(dir, "saved.tar"), name}} {
		if i == 2 {
			if _, err := e.output("rmi", name); err != nil {
				return nil, err
			}
		}
		unix.Sync() // what the step before has left to write is not this one's
		before := ticks(e.daemon.process.Pid)
		t, err := e.timed(args...)
		if err != nil {
			return nil, err
		}
		took = append(took, t)
		cpu[i].add(e, float64(ticks(e.daemon.process.Pid)-before)/100)
	}
	return took, nil
}

func reachable(address string) error {
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		c, err := net.Dial("tcp", address)
		if err == nil {
			return c.Close()
		}
		if time.Now().After(end) {
			return err
		}
	}
}

// ticks is what a process and those of its children that have ended used of the processors, in hundredths of a second
// (proc_pid_stat(5): utime, stime, cutime and cstime are fields 14 to 17).
func ticks(pid int) (sum int) {
	data, _ := os.ReadFile(fmt.Sprint("/proc/", pid, "/stat"))
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	for i := 11; i < min(15, len(fields)); i++ {
		n, _ := strconv.Atoi(fields[i])
		sum += n
	}
	return sum
}

// packedArchive writes an image whose layers are files of the system's, packed by gzip, 100 MiB each before that.
func packedArchive(path string, mib int) error {
	var plain, packed [][]byte
	var layer, z bytes.Buffer
	w := tar.NewWriter(&layer)
	closeLayer := func() error {
		err := w.Close()
		g := gzip.NewWriter(&z)
		_, err2 := g.Write(layer.Bytes())
		err = errors.Join(err, err2, g.Close())
		plain, packed = append(plain, bytes.Clone(layer.Bytes())), append(packed, bytes.Clone(z.Bytes()))
		layer.Reset()
		z.Reset()
		w = tar.NewWriter(&layer)
		return err
	}
	errFull := errors.New("enough")
	total := 0
	err := filepath.WalkDir("/usr", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil //nolint:nilerr // what is not there any more does not count
		}
		n, err := addFile(w, path)
		if total += n; err != nil || layer.Len() < 100<<20 && total < mib<<20 {
			return err
		}
		if err := closeLayer(); err != nil || total < mib<<20 {
			return err
		}
		return errFull
	})
	if err == nil {
		err = closeLayer()
	}
	if err != nil && !errors.Is(err, errFull) {
		return err
	}
	data, err := archive("127.0.0.1:5999/packed:1", plain, packed)
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}

func addFile(w *tar.Writer, path string) (int, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, nil //nolint:nilerr // it went meanwhile
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() > 64<<20 {
		return 0, err
	}
	err = w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: strings.TrimPrefix(path, "/"), Mode: int64(info.Mode().Perm()), Size: info.Size(), ModTime: info.ModTime()})
	if err != nil {
		return 0, err
	}
	n, err := io.CopyN(w, f, info.Size())
	return int(n), err
}
