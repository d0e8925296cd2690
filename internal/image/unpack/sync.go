package unpack

import (
	"os"

	"golang.org/x/sys/unix"
)

// Sync makes what was unpacked survive a loss of power, before any record
// says that the image is there: syncfs(2) on the layers' file system.
func Sync(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return os.NewSyscallError("syncfs", unix.Syncfs(int(f.Fd())))
}
