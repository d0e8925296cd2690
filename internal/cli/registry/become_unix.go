//go:build unix

package registry

import (
	"os"
	"syscall"

	"berth/internal/fault"
)

// become puts a program in this one's place: its signals, its terminal and its
// exit code are its own from here on.
func become(path string, args []string) error {
	err := syscall.Exec(path, args, os.Environ()) // #nosec G204 -- the program that is installed with ours
	return fault.Wrap(fault.Internal, err, "berth: %s could not be run", path)
}
