// Command berth-runtime is an OCI runtime: podman, containerd and others can use
// it in place of runc and crun.
//
// It is a binary of its own: the compiler that it links would cost the keeper,
// which lives for months beside every container, 0.7 MiB of memory.
package main

import (
	"os"

	"berth/internal/oci"
)

func main() { os.Exit(oci.Main(os.Args[1:])) }
