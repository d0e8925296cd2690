package proc

import (
	"os"
	"strconv"
	"strings"
	"time"

	"berth/internal/fault"
)

// Process is one process at one moment.
type Process struct {
	Pid, Parent int
	UID         int           // effective, as the host counts
	Terminal    int           // its device number, 0 for none
	Time        time.Duration // of processors
	Started     time.Duration // after the machine
	Name        string        // at most 15 bytes
	Args        []string      // as the process shows them; none for a zombie and for the kernel's own
	Zombie      bool
}

// Read reads a process. fault.NotFound when it has ended.
func Read(pid int) (Process, error) {
	dir := "/proc/" + strconv.Itoa(pid) + "/"
	var text [3]string
	for i, name := range []string{"stat", "status", "cmdline"} {
		b, err := os.ReadFile(dir + name)
		if err != nil {
			return Process{}, fault.Wrap(fault.NotFound, err, "process %d cannot be read", pid)
		}
		text[i] = string(b)
	}
	p, err := parseStat(text[0])
	if err != nil {
		return Process{}, err
	}
	p.UID = effectiveUID(text[1])
	if line := strings.TrimRight(text[2], "\x00"); line != "" {
		p.Args = strings.Split(line, "\x00")
	}
	return p, nil
}

// parseStat reads "7 (name) S 1 …". A name may have blanks and brackets in it.
func parseStat(text string) (Process, error) {
	open, end := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return Process{}, fault.New(fault.Internal, "%q is not the state of a process.", text)
	}
	f := strings.Fields(text[end+1:])
	const last = 19 // starttime, which is field 22
	if len(f) <= last {
		return Process{}, fault.New(fault.Internal, "%q is not the state of a process.", text)
	}
	p := Process{Name: text[open+1 : end], Zombie: f[0] == "Z"}
	var user, kernel, start int
	for _, n := range []struct {
		to   *int
		word string
	}{{&p.Pid, strings.TrimSpace(text[:open])}, {&p.Parent, f[1]}, {&p.Terminal, f[4]}, {&user, f[11]}, {&kernel, f[12]}, {&start, f[last]}} {
		v, err := strconv.Atoi(n.word)
		if err != nil {
			return Process{}, fault.Wrap(fault.Internal, err, "%q is not the state of a process", text)
		}
		*n.to = v
	}
	p.Time, p.Started = time.Duration(user+kernel)*Tick, time.Duration(start)*Tick
	return p, nil
}

// effectiveUID is the second number of the line "Uid:". The owner of the directory would
// be root for a process that is not dumpable.
func effectiveUID(status string) int {
	for line := range strings.Lines(status) {
		if f := strings.Fields(line); len(f) > 2 && f[0] == "Uid:" {
			n, err := strconv.Atoi(f[2])
			if err == nil {
				return n
			}
		}
	}
	return 0
}
