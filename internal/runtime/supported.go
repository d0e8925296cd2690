//go:build linux

package runtime

import (
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/fault"
)

// checkSupported names the first thing in a spec that this engine cannot do.
func checkSupported(s *specs.Spec) error {
	l := s.Linux
	return firstUnsupported([]feature{
		{"a section for another operating system", s.Windows != nil || s.Solaris != nil || s.VM != nil || s.ZOS != nil || s.FreeBSD != nil},
		{"Intel RDT", l.IntelRdt != nil},
	})
}

// checkProcessSupported does the same for a process.
func checkProcessSupported(p *specs.Process) error {
	return firstUnsupported([]feature{
		{"a Windows command line", p.CommandLine != ""},
	})
}

type feature struct {
	what  string
	asked bool
}

func firstUnsupported(list []feature) error {
	for _, f := range list {
		if f.asked {
			return fault.New(fault.Unsupported, "The spec asks for %s, which is not supported.", f.what)
		}
	}
	return nil
}

// checkStrings refuses NUL bytes, which would cut what the kernel reads.
func checkStrings(p *specs.Process) error {
	for _, list := range [][]string{p.Args, p.Env, {p.Cwd}} {
		for _, s := range list {
			if strings.IndexByte(s, 0) >= 0 {
				return fault.New(fault.Invalid, "%q has a NUL byte in it.", s)
			}
		}
	}
	return nil
}
