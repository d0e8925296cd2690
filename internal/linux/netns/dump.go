//go:build linux

package netns

import (
	"errors"

	"github.com/vishvananda/netlink"
)

// dumpTries is how often a listing is repeated before its gaps are reported.
const dumpTries = 50

// Dump repeats a listing that changes on the host have interrupted: the kernel
// says with NLM_F_DUMP_INTR (netlink(7)) that it may be incomplete.
func Dump[T any](list func() ([]T, error)) ([]T, error) {
	for range dumpTries {
		found, err := list()
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			return found, err
		}
	}
	return list()
}
