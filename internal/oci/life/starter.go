//go:build linux

package life

import (
	"berth/internal/fault"
	"berth/internal/launch"
	"berth/internal/oci/seal"
)

// Protect keeps what this command starts from its binary (CVE-2019-5736). A
// verb that starts processes calls it before everything else: it may execute the
// command once more, from its beginning.
func (r *Runtime) Protect() error { return r.starter.protect() }

// starter starts processes in containers.
type starter struct {
	asm *launch.Asm // nil before the first
}

func (x *starter) protect() error {
	if seal.Needless() {
		return nil
	}
	asm, err := launch.NewBlankAsm()
	if err != nil {
		return seal.Self()
	}
	x.asm = asm
	return nil
}

// executor returns what starts processes, for as long as the command lives.
func (x *starter) executor() (*launch.Asm, error) {
	if x.asm == nil {
		asm, err := launch.NewAsm()
		if err != nil {
			return nil, fault.Wrap(fault.Internal, err, "No process can be started")
		}
		x.asm = asm
	}
	return x.asm, nil
}
