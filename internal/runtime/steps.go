//go:build linux

package runtime

import (
	"encoding/json"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/fault"
	"berth/internal/linux/seccomp"
)

// Steps compiles an OCI config.json and prints the program, for people. What
// the daemon would supply is made up: a cgroup v2 host, and descriptors for
// the namespaces that have paths.
func Steps(configJSON []byte) (string, error) {
	var spec specs.Spec
	if err := json.Unmarshal(configJSON, &spec); err != nil {
		return "", fault.Wrap(fault.Invalid, err, "The config.json cannot be read")
	}
	in := Inputs{
		Fds: []string{FdRootfs, FdCgroup}, Staging: "/run/berth/staging", Cgroup: Cgroup{Unified: true},
		Modules: Modules{AppArmor: true, SELinux: true},
	}
	for i, m := range spec.Mounts {
		if o, _ := parseOptions(m); o.prepared != "" {
			in.Fds = append(in.Fds, Tree(i))
		}
	}
	if spec.Process != nil && spec.Process.Terminal {
		in.Fds = append(in.Fds, FdPty, FdDevpts)
	} else {
		in.Fds = append(in.Fds, FdStdin, FdStdout, FdStderr)
	}
	if spec.Linux != nil {
		for _, k := range namespaceKinds() {
			if ns := find(&spec, k.kind); ns != nil && ns.Path != "" && k.fd != "" {
				in.Fds = append(in.Fds, k.fd)
			}
		}
		filter, err := seccomp.Compile(spec.Linux.Seccomp)
		if err != nil {
			return "", err
		}
		in.Seccomp = filter
		if spec.Hooks != nil || filter.Listener || len(spec.Linux.UIDMappings)+len(spec.Linux.NetDevices) > 0 {
			in.Fds = append(in.Fds, FdSync, FdStart)
		}
	}
	prog, err := Compile(&spec, in)
	if err != nil {
		return "", err
	}
	return prog.Text(), nil
}
