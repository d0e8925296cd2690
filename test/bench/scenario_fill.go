package main

import (
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// filled is create -v of an image that has 300 MiB where the volume is to be: large files, and smaller ones.
func filled(b *bench) {
	for _, kind := range []struct {
		name        string
		files, size int
	}{{"3,000 files of 100 KiB", b.rounds(3000, 300), 100 << 10}, {"30 files of 10 MiB", b.rounds(30, 3), 10 << 20}} {
		layer, err := bigTar(kind.files, kind.size)
		if err != nil {
			b.note("fill: %v", err)
			return
		}
		path := filepath.Join(b.dir, "filling.tar")
		if err := os.WriteFile(path, layer, 0o644); err != nil {
			b.note("fill: %v", err)
			return
		}
		row := b.single(shape{"fill", []string{"first use of a volume, " + kind.name}, b.rounds(4, 1), 0, "s"}, own, func(e *engine) (time.Duration, error) {
			if _, err := e.output("image", "inspect", "filling:latest"); err != nil {
				if _, err := e.timed("import", "-c", `CMD ["true"]`, path, "filling:latest"); err != nil {
					return 0, err
				}
			}
			unix.Sync()
			took, err := e.timed(e.runLine("create", "--name", "filling", "--network", "none", "-v", "filled:/data", "filling:latest")...)
			if err != nil {
				return 0, err
			}
			if _, err := e.output("rm", "-f", "filling"); err != nil {
				return 0, err
			}
			_, err = e.output("volume", "rm", "filled")
			return took, err
		})
		row.target = ofDocker(1.0 / 2)
		for _, e := range b.engines {
			if e.absent == "" && own(e) {
				e.output("rmi", "filling:latest")
			}
		}
		os.Remove(path)
	}
}
