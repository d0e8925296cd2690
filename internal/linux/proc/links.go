package proc

import (
	"os"
	"strconv"
	"strings"

	"berth/internal/fault"
)

// Link is what a network interface has counted, as it sees itself.
type Link struct{ Received, Sent Traffic }

// Traffic is one direction.
type Traffic struct{ Bytes, Packets, Errors, Dropped uint64 }

// Links reads the counters of the interfaces in the network namespace of a process.
func Links(pid int) (map[string]Link, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/net/dev")
	if err != nil {
		return nil, fault.Wrap(fault.NotFound, err, "the network interfaces of process %d cannot be read", pid)
	}
	return links(string(text)), nil
}

// fields is how many counters a line has, and half of them are one direction's:
// bytes packets errs drop …
const fields = 16

// links reads lines of "  eth0: 682 7 0 0 0 0 0 0 …". The first two are headings.
func links(text string) map[string]Link {
	out := map[string]Link{}
	for line := range strings.Lines(text) {
		i := strings.LastIndexByte(line, ':') // a name may have some
		if i < 0 {
			continue
		}
		f := strings.Fields(line[i+1:])
		name := strings.TrimSpace(line[:i])
		if len(f) < fields || name == "" {
			continue
		}
		out[name] = Link{Received: traffic(f), Sent: traffic(f[fields/2:])}
	}
	return out
}

func traffic(f []string) Traffic {
	var n [4]uint64
	for i := range n {
		n[i], _ = strconv.ParseUint(f[i], 10, 64) // what is no number counts as nothing
	}
	return Traffic{Bytes: n[0], Packets: n[1], Errors: n[2], Dropped: n[3]}
}
