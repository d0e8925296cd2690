//go:build linux

package runtime_test

import (
	"flag"
	"os"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/fault"
	"berth/internal/linux/seccomp"
	"berth/internal/runtime"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the program is not that of %s (see go test -update):\n%s", name, got)
	}
}

// smallFilter stands for a seccomp filter, whose text is not the point here.
func smallFilter() seccomp.Filter {
	return seccomp.Filter{Bytes: []byte{6, 0, 0, 0, 0, 0, 0xff, 0x7f}}
}

func streams(first ...string) []string {
	return append(first, runtime.FdStdin, runtime.FdStdout, runtime.FdStderr)
}

func defaultSpec() *specs.Spec {
	s := runtime.DefaultSpec(runtime.Sandbox{})
	s.Hostname = "0123456789ab"
	s.Process.Args, s.Process.Env = []string{"sh"}, []string{"PATH=/usr/local/bin:/bin"}
	s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow}
	s.Mounts = append(s.Mounts,
		specs.Mount{Destination: "/etc/hosts", Type: "bind", Source: "/run/hosts", Options: []string{"rbind", "rprivate"}},
		specs.Mount{Destination: "/srv/data", Type: "bind", Source: "/data", Options: []string{"rbind", "ro", "rslave"}})
	return s
}

func TestTheDefaultProgramIsAsWritten(t *testing.T) {
	in := runtime.Inputs{
		Fds: streams(runtime.FdRootfs, runtime.FdNetNS, runtime.FdCgroup), Staging: "/run/berth/staging",
		Cgroup: runtime.Cgroup{Unified: true}, Seccomp: smallFilter(),
	}
	p, err := runtime.Compile(defaultSpec(), in)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/default.txt", p.Text())
	if _, err := p.Encode(); err != nil {
		t.Error(err)
	}
}

func TestATerminalUserProgramOnCgroupV1IsAsWritten(t *testing.T) {
	s := defaultSpec()
	s.Process.Terminal = true
	s.Process.User = specs.User{UID: 1000, GID: 1000, AdditionalGids: []uint32{10}}
	s.Process.Args = []string{"/bin/sh", "-l"}
	s.Process.NoNewPrivileges = true
	s.Root.Readonly = true
	s.Linux.Sysctl = map[string]string{"net.ipv4.ip_forward": "1"}
	in := runtime.Inputs{
		Fds: []string{runtime.FdRootfs, runtime.FdPty, runtime.FdDevpts}, Staging: "/run/berth/staging", Seccomp: smallFilter(),
		Cgroup: runtime.Cgroup{
			Join:        []string{"/sys/fs/cgroup/memory/berth/x/tasks"},
			Hierarchies: []runtime.Hierarchy{{Controllers: []string{"memory"}}, {Controllers: []string{"cpu", "cpuacct"}}},
		},
	}
	p, err := runtime.Compile(s, in)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/terminal-v1.txt", p.Text())
}

func TestTheExecProgramIsAsWritten(t *testing.T) {
	p, err := runtime.CompileExec(defaultSpec().Process, runtime.ExecInputs{Fds: streams(runtime.FdPidfd), Join: []string{"/sys/fs/cgroup/pids/berth/x/tasks"}, Seccomp: smallFilter()})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/exec.txt", p.Text())
	if _, err := p.Encode(); err != nil {
		t.Error(err)
	}
}

func TestWhatIsNotSupportedIsSaidAndNotIgnored(t *testing.T) {
	in := runtime.Inputs{Fds: streams(runtime.FdRootfs), Staging: "/s", Seccomp: smallFilter()}
	for name, change := range map[string]func(*specs.Spec){
		"hook":            func(s *specs.Spec) { s.Hooks = &specs.Hooks{Poststop: []specs.Hook{{Path: "/x"}}} },
		"idmap":           func(s *specs.Spec) { s.Mounts[7].UIDMappings = []specs.LinuxIDMapping{{Size: 1}} },
		"tmpcopyup":       func(s *specs.Spec) { s.Mounts[1].Options = append(s.Mounts[1].Options, "tmpcopyup") },
		"apparmor":        func(s *specs.Spec) { s.Process.ApparmorProfile = "docker-default" },
		"mount namespace": func(s *specs.Spec) { s.Linux.Namespaces = s.Linux.Namespaces[1:] },
	} {
		s := defaultSpec()
		change(s)
		if _, err := runtime.Compile(s, in); !fault.Is(err, fault.Unsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestASpecThatContradictsItselfIsInvalid(t *testing.T) {
	in := runtime.Inputs{Fds: streams(runtime.FdRootfs), Staging: "/s", Seccomp: smallFilter()}
	for name, change := range map[string]func(*specs.Spec){
		"mappings":     func(s *specs.Spec) { s.Linux.UIDMappings = []specs.LinuxIDMapping{{Size: 1}} },
		"time offsets": func(s *specs.Spec) { s.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{"boottime": {}} },
		"no mappings": func(s *specs.Spec) {
			s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: "user"})
		},
		"namespace type":   func(s *specs.Spec) { s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: "x"}) },
		"no command":       func(s *specs.Spec) { s.Process.Args = nil },
		"relative workdir": func(s *specs.Spec) { s.Process.Cwd = "tmp" },
		"mount on root":    func(s *specs.Spec) { s.Mounts[7].Destination = "/x/.." },
		"fake proc":        func(s *specs.Spec) { s.Mounts[7].Destination = "/proc" },
		"inside proc":      func(s *specs.Spec) { s.Mounts[7].Destination = "/proc/self/attr" },
		"host sysctl":      func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{"kernel.core_pattern": "|/x"} },
		"sysctl path":      func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{"net/../kernel/core_pattern": "|/x"} },
		"rlimit":           func(s *specs.Spec) { s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_FUN"}} },
		"NUL":              func(s *specs.Spec) { s.Process.Args = []string{"a\x00b"} },
		"host name":        func(s *specs.Spec) { s.Linux.Namespaces = append(s.Linux.Namespaces[:2:2], s.Linux.Namespaces[3:]...) },
	} {
		s := defaultSpec()
		change(s)
		if _, err := runtime.Compile(s, in); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStepsPrintsAProgramForAConfig(t *testing.T) {
	text, err := runtime.Steps([]byte(`{"ociVersion":"1.2.0","process":{"args":["sh"],"cwd":"/","terminal":true},"root":{"path":"rootfs"},
		"mounts":[{"destination":"/dev/pts","type":"devpts"}],"linux":{"namespaces":[{"type":"mount"},{"type":"network","path":"/x"}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	wants(t, text, "clone ", "pivot the root", "join the network namespace")
}

// everything is a spec that asks for most of what only an OCI runtime does.
func everything() *specs.Spec {
	s := defaultSpec()
	m := []specs.LinuxIDMapping{{HostID: 100000, Size: 65536}}
	s.Linux.UIDMappings, s.Linux.GIDMappings = m, m
	s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace}, specs.LinuxNamespace{Type: specs.TimeNamespace})
	s.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{"boottime": {Secs: 60}}
	s.Linux.RootfsPropagation = "rslave"
	s.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{{Path: "/x"}}, CreateContainer: []specs.Hook{{Path: "/x"}}}
	s.Process.ApparmorProfile = "confined"
	s.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedRR, Priority: 5}
	s.Process.Args = []string{"/bin/sh"}
	s.Mounts = append(s.Mounts, specs.Mount{Destination: "/mapped", Type: "bind", Source: "/m", Options: []string{"rbind", "ridmap", "rro"}, UIDMappings: m, GIDMappings: m})
	return s
}

func TestTheProgramOfAUserNamespaceIsAsWritten(t *testing.T) {
	s := everything()
	s.Process.Scheduler = nil // it would need the host's rights
	in := runtime.Inputs{
		Fds:     append(streams(runtime.FdRootfs, runtime.FdCgroup, runtime.FdSync, runtime.FdStart), runtime.Tree(len(s.Mounts)-1), runtime.Preserve(0)),
		Staging: "/run/berth/staging", Cgroup: runtime.Cgroup{Unified: true}, Seccomp: smallFilter(), Modules: runtime.Modules{AppArmor: true},
	}
	p, err := runtime.Compile(s, in)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/userns.txt", p.Text())
	if _, err := p.Encode(); err != nil {
		t.Error(err)
	}
}

func TestTheProgramThatJoinsAUserNamespaceIsAsWritten(t *testing.T) {
	s := everything()
	for i := range s.Linux.Namespaces {
		if ns := &s.Linux.Namespaces[i]; ns.Type == specs.UserNamespace || ns.Type == specs.NetworkNamespace {
			ns.Path = "/proc/7/ns"
		}
	}
	s.Hooks, s.Mounts = nil, s.Mounts[:1]
	in := runtime.Inputs{Fds: streams(runtime.FdRootfs, runtime.FdUserNS, runtime.FdNetNS), Staging: "/s", Cgroup: runtime.Cgroup{Unified: true}, Seccomp: smallFilter(), Modules: runtime.Modules{AppArmor: true}}
	p, err := runtime.Compile(s, in)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/joined.txt", p.Text())
}
