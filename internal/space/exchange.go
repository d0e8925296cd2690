//go:build linux

package space

import (
	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// Exchange puts what is in one directory with a size into the place of what is in another, and the other way round, by one
// rename. Both are on one file system, and nobody looks into either.
func Exchange(a, b string) error {
	if Imaged(a) != Imaged(b) {
		return fault.New(fault.Unsupported, "the one directory has its size by a quota and the other by an image")
	}
	if Imaged(a) {
		a, b = a+imageSuffix, b+imageSuffix
	}
	return unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
}
