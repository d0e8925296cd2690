//go:build linux

package main

// criuFiles are the programs that a container is checkpointed with: criu, and those that
// it starts for a tmpfs and for a network of the container's own. Where the host has no
// criu, the tests that need it say so.
func criuFiles() []string { return []string{"criu", "tar", "ip"} }
