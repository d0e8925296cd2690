// Command berth-runtime is an OCI runtime: podman, containerd and others can use
// it in place of runc and crun.
//
// It is a binary of its own: the compiler that it links would cost the keeper,
// which lives for months beside every container, 0.7 MiB of memory.
package main

import (
	"os"
	"runtime/debug"

	"berth/internal/oci"
)

func main() {
	// A command needs a few megabytes and ends: collecting them costs more than
	// they do. One that lives on beside a container collects when it has grown.
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(32 << 20)
	os.Exit(oci.Main(os.Args[1:]))
}
