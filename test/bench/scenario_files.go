package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// files copies a large file and a tree of small ones into a container and out of it, makes an image of the
// container and exports it. Nothing of it has been promised but that it is not slower than docker.
func files(b *bench) {
	mib := b.rounds(512, 64)
	steps := []string{fmt.Sprintf("cp of %d MiB in", mib), "… out", fmt.Sprintf("commit of a layer of %d MiB", mib),
		fmt.Sprintf("cp of a tree of %d files in", b.rounds(4000, 1000)), "… out", "export of all"}
	if err := b.makeCopied(mib); err != nil {
		b.note("files: %s", firstLine(err.Error()))
		return
	}
	defer os.RemoveAll(b.copied(""))
	for _, row := range b.turns(shape{"files", steps, b.rounds(3, 1), 0, "s"}, own, b.copyAll) {
		row.target = ofDocker(1)
	}
}

// copied is where the files to be copied are.
func (b *bench) copied(name string) string { return filepath.Join(b.dir, "copied", name) }

func (b *bench) makeCopied(mib int) error {
	if err := os.MkdirAll(b.copied("tree"), 0o755); err != nil {
		return err
	}
	if out, err := exec.Command("tar", "-C", b.copied("tree"), "-xf", b.dir+"/big.tar").CombinedOutput(); err != nil {
		return fmt.Errorf("tar: %s", out)
	}
	big, err := bigTar(mib, 1<<20) // half of it is random: no file is only zeros
	if err != nil {
		return err
	}
	return os.WriteFile(b.copied("big"), big, 0o644)
}

func (b *bench) copyAll(e *engine) (took []time.Duration, err error) {
	defer os.RemoveAll(b.copied("out"))
	if err := os.MkdirAll(b.copied("out"), 0o755); err != nil {
		return nil, err
	}
	if _, err := e.output(e.runLine("create", "--name", "copied", "--network", "none", imageName, "true")...); err != nil {
		return nil, err
	}
	defer e.output("rm", "-f", "copied")
	defer e.output("rmi", "bench:committed")
	for _, args := range [][]string{
		{"cp", b.copied("big"), "copied:/big"}, {"cp", "copied:/big", b.copied("out/big")},
		{"commit", "copied", "bench:committed"},
		{"cp", b.copied("tree"), "copied:/tree"}, {"cp", "copied:/tree", b.copied("out/tree")},
		{"export", "-o", b.copied("out/all.tar"), "copied"},
	} {
		unix.Sync() // what the step before has left to write is not this one's
		d, err := e.timed(args...)
		if err != nil {
			return nil, err
		}
		took = append(took, d)
	}
	return took, nil
}
