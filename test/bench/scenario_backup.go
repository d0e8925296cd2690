package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// backups carries a volume whose files cannot be compressed to a directory and back: with berth's backups, and for the others with tar
// in a container, which is what their documentation advises.
func backups(b *bench) {
	mib := b.rounds(1024, 256)
	steps := []string{fmt.Sprintf("backup of %d MiB that cannot be compressed", mib), "… once more, with a MiB of it changed", "restore"}
	rows := b.turns(shape{"backup", steps, b.rounds(3, 1), 0, "s"}, own, func(e *engine) ([]time.Duration, error) {
		return carry{e, filepath.Join(b.dir, "backups-"+e.name)}.turn(mib)
	})
	rows[1].target = ofDocker(0.5)
	rate := b.figure("backup", "rate of the first backup", "MB/s")
	rate.moreIsBetter, rate.target = true, target{atLeast: 200}
	for name, values := range rows[0].values {
		for _, seconds := range values {
			rate.values[name] = append(rate.values[name], float64(mib)*1.048576/seconds)
		}
	}
}

// carry is an engine and the directory that it backs up to.
type carry struct {
	*engine
	to string
}

func (c carry) turn(mib int) (took []time.Duration, err error) {
	defer os.RemoveAll(c.to)
	if err := os.MkdirAll(c.to, 0o755); err != nil {
		return nil, err
	}
	defer c.output("volume", "rm", "-f", "bench-data", "bench-back")
	if _, err := c.inside("head -c %d /dev/urandom > /data/large", mib<<20); err != nil {
		return nil, err
	}
	for i, step := range []func() (time.Duration, error){c.backup, c.backup, c.restore} {
		if i == 1 {
			if _, err := c.inside("head -c 1048576 /dev/urandom > /data/small"); err != nil {
				return nil, err
			}
		}
		unix.Sync() // what the step before has left to write is not this one's
		d, err := step()
		if err != nil {
			return nil, err
		}
		took = append(took, d)
	}
	return took, nil
}

// inside runs a line with the volume and the directory.
func (c carry) inside(line string, args ...any) (time.Duration, error) {
	return c.timed(c.runLine("run", "--rm", "--network", "none", "-v", "bench-data:/data", "-v", "bench-back:/back", "-v", c.to+":/to", imageName,
		"sh", "-c", fmt.Sprintf(line, args...))...)
}

func (c carry) backup() (time.Duration, error) {
	if c.name == "berth" {
		return c.timed("volume", "backup", "-q", "bench-data", c.to)
	}
	return c.inside("busybox tar -cf /to/all.tar -C /data . && busybox sync")
}

func (c carry) restore() (time.Duration, error) {
	if c.name == "berth" {
		return c.timed("volume", "restore", "-q", c.to+":bench-data", "bench-back")
	}
	return c.inside("busybox tar -xf /to/all.tar -C /back && busybox sync")
}
