// Package proc reads what the kernel says of processes in /proc.
//
// A process may end, and its number be another's, at any moment: who needs to be sure
// asks the process's pidfd afterwards. Source: proc(5).
package proc

import (
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// Tick is the unit in which /proc counts processor time: a hundredth of a second,
// whatever the kernel's own (USER_HZ).
const Tick = 10 * time.Millisecond

// CPUs is the processor time of the whole machine.
type CPUs struct {
	Total  uint64 // nanoseconds: spent and idle, of all processors
	Online int
	Booted time.Time // to the second
}

// Machine reads the machine's processor time.
func Machine() (CPUs, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return CPUs{}, fault.Wrap(fault.Internal, err, "the machine's processor time cannot be read")
	}
	return machine(string(text))
}

// counted is how many fields of the "cpu" line make up the time: user, nice, system,
// idle, iowait, irq, softirq. A guest's time is in user's already.
const counted = 7

func machine(text string) (CPUs, error) {
	var c CPUs
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		switch {
		case len(f) > counted && f[0] == "cpu":
			for _, word := range f[1 : 1+counted] {
				n, err := strconv.ParseUint(word, 10, 64)
				if err != nil {
					return CPUs{}, fault.Wrap(fault.Internal, err, "the machine's processor time is not a number")
				}
				c.Total += n * uint64(Tick)
			}
		case len(f) > counted && strings.HasPrefix(f[0], "cpu"):
			c.Online++
		case len(f) == 2 && f[0] == "btime":
			if n, err := strconv.ParseInt(f[1], 10, 64); err == nil {
				c.Booted = time.Unix(n, 0)
			}
		}
	}
	if c.Total == 0 {
		return CPUs{}, fault.New(fault.Internal, "/proc/stat has no line for all processors.")
	}
	return c, nil
}

// Memory is how many bytes of memory the machine has.
func Memory() uint64 {
	var si unix.Sysinfo_t
	if err := unix.Sysinfo(&si); err != nil {
		return 0 // it cannot fail with a pointer that is good
	}
	return uint64(si.Totalram) * uint64(si.Unit)
}
