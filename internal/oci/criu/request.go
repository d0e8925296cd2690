//go:build linux

// Package criu speaks with the program of that name, which writes processes
// into files and makes them again.
//
// `criu swrk 3` serves one request, which comes with its notifications over a
// socket (criu.org/RPC): protocol buffers of which a few dozen fields matter, so
// they are written by hand here. The command line would not do: only this way
// does criu hand over the master of a container's terminal, make the restored
// process the caller's child, and stop for the hooks.
package criu

import "strings"

// Kind is what is asked of criu.
type Kind uint64

// Kinds, with the protocol's numbers.
const (
	Dump    Kind = 1
	Restore Kind = 2
	PreDump Kind = 4
	notify  Kind = 6
)

// CgroupMode is how much of control groups criu restores.
type CgroupMode uint64

// ParseCgroupMode reads --manage-cgroups-mode.
func ParseCgroupMode(name string) (CgroupMode, bool) {
	modes := map[string]CgroupMode{"": 3, "ignore": 0, "soft": 3, "full": 4, "strict": 5}
	m, ok := modes[name]
	return m, ok
}

// Flags are what people may allow, each with the flag's name.
type Flags struct {
	LeaveRunning   bool
	TCPEstablished bool
	ExtUnixSk      bool
	ShellJob       bool
	FileLocks      bool
	AutoDedup      bool
}

// Inherit is a descriptor of criu's process that takes the place of what had
// the key.
type Inherit struct {
	Key string
	Fd  int
}

// Namespace is one that the restored processes join.
type Namespace struct{ Kind, Path string }

// CgroupRoot is where a hierarchy's groups begin.
type CgroupRoot struct{ Controllers, Path string }

// Request is what criu is to do.
type Request struct {
	Kind   Kind
	Flags  Flags
	Images int    // directory, a descriptor of this process
	Work   int    // the same, for logs
	Root   string // of the container
	Pid    int    // to dump
	Parent string // images of before, relative to Images

	Places       Places
	FreezeCgroup string
	CgroupMode   CgroupMode
	EmptyNs      uint64
	LSMProfile   string
	ConfigFile   string
	Nftables     bool // lock the network without the iptables program
}

// Places is what is outside of the container.
type Places struct {
	External   []string
	Inherit    []Inherit
	Namespaces []Namespace
	Cgroups    []CgroupRoot
}

// LogFile is the name of a request's log in the work directory, and of runc's.
func (k Kind) LogFile() string {
	if k == Restore {
		return "restore.log"
	}
	return "dump.log"
}

// Encode writes the request (criu's rpc.proto, criu_req).
func (r *Request) Encode() []byte {
	var m message
	m.always(1, uint64(r.Kind))
	m.inner(2, r.options())
	return m.data
}

// options are the fields of criu_opts.
func (r *Request) options() message {
	var m message
	m.always(1, uint64(r.Images))
	m.number(2, uint64(r.Pid))
	m.flag(3, r.Flags.LeaveRunning)
	m.flag(4, r.Flags.ExtUnixSk)
	m.flag(5, r.Flags.TCPEstablished)
	m.flag(6, r.Kind == Restore) // devices may be reached by another path
	m.flag(7, r.Flags.ShellJob)
	m.flag(8, r.Flags.FileLocks)
	m.always(9, 4) // everything in the log
	m.text(10, r.Kind.LogFile())
	m.flag(12, true) // notifications
	m.text(13, r.Root)
	m.text(14, r.Parent)
	m.flag(15, r.Parent != "" || r.Kind == PreDump)
	m.flag(16, r.Flags.AutoDedup)
	m.always(17, uint64(r.Work))
	m.flag(24, r.CgroupMode != 0)
	m.flag(26, r.Kind == Restore) // a child of ours
	m.always(34, uint64(r.CgroupMode))
	m.number(38, r.EmptyNs)
	m.text(44, r.FreezeCgroup)
	m.flag(50, true) // the master of a terminal is handed over
	m.text(51, r.ConfigFile)
	m.text(53, r.LSMProfile)
	if r.Nftables {
		m.always(64, 2)
	}
	r.Places.write(&m)
	return m
}

func (p *Places) write(m *message) {
	for _, c := range p.Cgroups {
		var in message
		in.text(1, c.Controllers)
		in.text(2, c.Path)
		m.inner(25, in)
	}
	for _, i := range p.Inherit {
		var in message
		in.text(1, i.Key)
		in.always(2, uint64(i.Fd))
		m.inner(27, in)
	}
	for _, e := range p.External {
		m.text(37, e)
	}
	for _, n := range p.Namespaces {
		var in message
		in.text(1, n.Kind)
		in.text(2, n.Path)
		m.inner(39, in)
	}
}

// Roots are the groups in the text of a /proc/PID/cgroup.
func Roots(text string) []CgroupRoot {
	var out []CgroupRoot
	for line := range strings.Lines(text) {
		if f := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3); len(f) == 3 {
			out = append(out, CgroupRoot{f[1], f[2]})
		}
	}
	return out
}
