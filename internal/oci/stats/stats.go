//go:build linux

// Package stats reads what a container uses from its control group, in the form
// that runc's `events` prints and engines parse.
package stats

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Stats is the data of one event. What the host does not count is left out or 0.
type Stats struct {
	CPU     CPU    `json:"cpu"`
	Memory  Memory `json:"memory"`
	Pids    Pids   `json:"pids"`
	BlockIO Block  `json:"blkio"`
}

// CPU is in nanoseconds.
type CPU struct {
	Usage struct {
		Total  uint64   `json:"total,omitempty"`
		Percpu []uint64 `json:"percpu,omitempty"`
		Kernel uint64   `json:"kernel"`
		User   uint64   `json:"user"`
	} `json:"usage,omitempty"`
	Throttling struct {
		Periods          uint64 `json:"periods,omitempty"`
		ThrottledPeriods uint64 `json:"throttledPeriods,omitempty"`
		ThrottledTime    uint64 `json:"throttledTime,omitempty"`
	} `json:"throttling,omitempty"`
}

// Entry is one counter of memory, in bytes.
type Entry struct {
	Limit   uint64 `json:"limit"`
	Usage   uint64 `json:"usage,omitempty"`
	Max     uint64 `json:"max,omitempty"`
	Failcnt uint64 `json:"failcnt"`
}

// Memory is in bytes.
type Memory struct {
	Cache     uint64            `json:"cache,omitempty"`
	Usage     Entry             `json:"usage,omitempty"`
	Swap      Entry             `json:"swap,omitempty"`
	Kernel    Entry             `json:"kernel,omitempty"`
	KernelTCP Entry             `json:"kernelTCP,omitempty"`
	Raw       map[string]uint64 `json:"raw,omitempty"`
}

// Pids counts tasks.
type Pids struct {
	Current uint64 `json:"current,omitempty"`
	Limit   uint64 `json:"limit,omitempty"`
}

// Block is what was read from and written to devices.
type Block struct {
	Bytes []Device `json:"ioServiceBytesRecursive,omitempty"`
	Ops   []Device `json:"ioServicedRecursive,omitempty"`
}

// Device is one counter of one device.
type Device struct {
	Major uint64 `json:"major,omitempty"`
	Minor uint64 `json:"minor,omitempty"`
	Op    string `json:"op,omitempty"`
	Value uint64 `json:"value,omitempty"`
}

// Dirs tells where a controller of the group is; "" when the host does not have it.
type Dirs func(controller string) string

// file is one file of a controller's, empty when there is none: a host without
// a controller still has the numbers of the others.
func (d Dirs) file(controller, name string) string {
	dir := d(controller)
	if dir == "" {
		return ""
	}
	data, _ := os.ReadFile(filepath.Join(dir, name)) // the kernel may lack the file
	return strings.TrimSpace(string(data))
}

// number is a file with one number; "max" and what is missing are 0.
func (d Dirs) number(controller, name string) uint64 {
	n, _ := strconv.ParseUint(d.file(controller, name), 10, 64)
	return n
}

// table is a file of "key number" lines.
func (d Dirs) table(controller, name string) map[string]uint64 {
	out := map[string]uint64{}
	for line := range strings.Lines(d.file(controller, name)) {
		if f := strings.Fields(line); len(f) == 2 {
			if n, err := strconv.ParseUint(f[1], 10, 64); err == nil {
				out[f[0]] = n
			}
		}
	}
	return out
}
