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
	dir := copies(filepath.Join(b.dir, "copied"))
	defer os.RemoveAll(string(dir))
	if err := dir.fill(b.dir+"/big.tar", mib); err != nil {
		b.note("files: %s", firstLine(err.Error()))
		return
	}
	for _, row := range b.turns(shape{"files", steps, b.rounds(3, 1), 0, "s"}, own, dir.inAndOut) {
		row.target = ofDocker(1)
	}
}

// copies is the directory of what is copied: a file "big", a tree "tree", and "out" for what comes back.
type copies string

func (c copies) at(name string) string { return filepath.Join(string(c), name) }

func (c copies) fill(tree string, mib int) error {
	if err := os.MkdirAll(c.at("tree"), 0o755); err != nil {
		return err
	}
	if out, err := exec.Command("tar", "-C", c.at("tree"), "-xf", tree).CombinedOutput(); err != nil {
		return fmt.Errorf("tar: %s", out)
	}
	big, err := bigTar(mib, 1<<20) // half of it is random: no file is only zeros
	if err != nil {
		return err
	}
	return os.WriteFile(c.at("big"), big, 0o644)
}

func (c copies) inAndOut(e *engine) (took []time.Duration, err error) {
	defer os.RemoveAll(c.at("out"))
	if err := os.MkdirAll(c.at("out"), 0o755); err != nil {
		return nil, err
	}
	if _, err := e.output(e.runLine("create", "--name", "copied", "--network", "none", imageName, "true")...); err != nil {
		return nil, err
	}
	defer e.output("rm", "-f", "copied")
	defer e.output("rmi", "bench:committed")
	for _, args := range [][]string{
		{"cp", c.at("big"), "copied:/big"}, {"cp", "copied:/big", c.at("out/big")},
		{"commit", "copied", "bench:committed"},
		{"cp", c.at("tree"), "copied:/tree"}, {"cp", "copied:/tree", c.at("out/tree")},
		{"export", "-o", c.at("out/all.tar"), "copied"},
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
