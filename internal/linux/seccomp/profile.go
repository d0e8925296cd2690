package seccomp

import (
	"encoding/json"

	profiles "github.com/moby/profiles/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/fault"
)

// Default is Docker's default profile for a process whose bounding set is
// caps ("CAP_CHOWN", …), on this machine's kernel and architecture.
func Default(caps []string) (*specs.LinuxSeccomp, error) {
	p, err := profiles.GetDefaultProfile(holder(caps))
	return p, fault.Wrap(fault.Internal, err, "The default seccomp profile cannot be resolved")
}

// Load reads a profile in Docker's JSON format (--security-opt
// seccomp=profile.json) for a process whose bounding set is caps. A profile
// that says nothing gives nil, which Compile turns into no filter. Errors are
// fault.Invalid.
func Load(profileJSON string, caps []string) (*specs.LinuxSeccomp, error) {
	var raw profiles.Seccomp
	if err := json.Unmarshal([]byte(profileJSON), &raw); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "Decoding seccomp profile failed")
	}
	for _, s := range raw.Syscalls {
		// LoadProfile would dereference it.
		if s == nil {
			return nil, fault.New(fault.Invalid, "Decoding seccomp profile failed: an entry of syscalls is null")
		}
	}
	p, err := profiles.LoadProfile(profileJSON, holder(caps))
	return p, fault.As(fault.Invalid, err)
}

// holder is the part of a container's specification that a profile's
// conditions look at.
func holder(caps []string) *specs.Spec {
	return &specs.Spec{Process: &specs.Process{Capabilities: &specs.LinuxCapabilities{Bounding: caps}}}
}
