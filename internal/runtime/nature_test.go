//go:build linux

package runtime_test

import (
	"os"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/runtime"
)

func TestTheProcessIsScheduledAsAsked(t *testing.T) {
	b := newBox(t, "cut -d ' ' -f 19,41 /proc/self/stat; ionice; uname -m; grep Mems_allowed_list /proc/self/status")
	for _, name := range []string{"cut", "ionice", "uname"} {
		b.must(os.Symlink("busybox", b.image+"/bin/"+name))
	}
	b.spec.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedBatch, Nice: 3}
	b.spec.Process.IOPriority = &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_BE, Priority: 6}
	b.spec.Linux.Personality = &specs.LinuxPersonality{Domain: specs.PerLinux32}
	b.spec.Linux.MemoryPolicy = &specs.LinuxMemoryPolicy{Mode: specs.MpolLocal}
	out, _ := b.run()
	wants(t, out, "3 3\n", "best-effort: prio 6", "i686\n")
}

func TestAnExecRunsOnTheCPUsThatAreAskedFor(t *testing.T) {
	b := newBox(t)
	c := running(b)
	p := *b.spec.Process
	p.ExecCPUAffinity = &specs.CPUAffinity{Initial: "0", Final: "1"}
	p.Args = []string{"grep", "Cpus_allowed_list", "/proc/self/status"}
	out, _, err := exec(b, c, &p)
	b.must(err)
	if out != "Cpus_allowed_list:\t1\n" {
		t.Skipf("there may be but one CPU: %q", out)
	}
}

func TestALimitThatCannotBeRaisedIsAClearFailure(t *testing.T) {
	var now unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &now); err != nil {
		t.Fatal(err)
	}
	b := newBox(t, "ulimit -n")
	// More than fs.nr_open is refused whoever asks.
	b.spec.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 1 << 40, Hard: 1 << 40}}
	f := b.failure()
	if text, code := runtime.StartFailure(f, b.spec); !strings.HasSuffix(text, "error setting rlimit type 7: operation not permitted") || code != 128 {
		t.Error(code, text)
	}
}

func TestSecurityModulesGetTheirLabelsOrSayThatTheyAreNotThere(t *testing.T) {
	s := defaultSpec()
	s.Process.ApparmorProfile, s.Process.SelinuxLabel, s.Linux.MountLabel = "confined", "system_u:system_r:container_t:s0:c1,c2", "system_u:object_r:container_file_t:s0:c1,c2"
	in := runtime.Inputs{Fds: streams(runtime.FdRootfs), Staging: "/s", Seccomp: smallFilter()}
	if _, err := runtime.Compile(s, in); !fault.Is(err, fault.Unsupported) || !strings.Contains(err.Error(), "apparmor not supported") {
		t.Error(err)
	}
	in.Modules.AppArmor = true
	if _, err := runtime.Compile(s, in); !fault.Is(err, fault.Unsupported) || !strings.Contains(err.Error(), "selinux is disabled") {
		t.Error(err)
	}
	in.Modules.SELinux = true
	p, err := runtime.Compile(s, in)
	if err != nil {
		t.Fatal(err)
	}
	wants(t, p.Text(), `"/proc/self/attr/apparmor/exec", WRONLY|CLOEXEC, 0) ENOENT`, `"context", "system_u:object_r:container_file_t:s0:c1,c2"`)
	s.Process.ApparmorProfile, s.Process.SelinuxLabel = "unconfined", ""
	if _, err := runtime.Compile(s, runtime.Inputs{Fds: streams(runtime.FdRootfs), Staging: "/s", Seccomp: smallFilter()}); err != nil {
		t.Error(err)
	}
}

func TestWrongNaturesAreInvalid(t *testing.T) {
	in := runtime.Inputs{Fds: streams(runtime.FdRootfs), Staging: "/s", Seccomp: smallFilter()}
	for name, change := range map[string]func(*specs.Spec){
		"policy":    func(s *specs.Spec) { s.Process.Scheduler = &specs.Scheduler{Policy: "SCHED_FUN"} },
		"nice":      func(s *specs.Spec) { s.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedOther, Nice: 20} },
		"priority":  func(s *specs.Spec) { s.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedOther, Priority: 1} },
		"deadline":  func(s *specs.Spec) { s.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedFIFO, Runtime: 1} },
		"I/O class": func(s *specs.Spec) { s.Process.IOPriority = &specs.LinuxIOPriority{Class: "x"} },
		"I/O": func(s *specs.Spec) {
			s.Process.IOPriority = &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_BE, Priority: 8}
		},
		"personality": func(s *specs.Spec) { s.Linux.Personality = &specs.LinuxPersonality{Domain: "BSD"} },
		"memory": func(s *specs.Spec) {
			s.Linux.MemoryPolicy = &specs.LinuxMemoryPolicy{Mode: specs.MpolBind, Nodes: "3-1"}
		},
		"propagation": func(s *specs.Spec) { s.Linux.RootfsPropagation = "sideways" },
	} {
		s := defaultSpec()
		change(s)
		if _, err := runtime.Compile(s, in); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCapabilitiesThatDoNotExistAreLeftOutAndNamed(t *testing.T) {
	b := newBox(t, "grep CapEff /proc/self/status")
	caps := []string{"CAP_CHOWN", "CAP_FLY"}
	b.spec.Process.Capabilities = &specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps}
	if out, _ := b.run(); out != "CapEff:\t0000000000000001\n" {
		t.Error(out)
	}
	if got := runtime.UnknownCapabilities(b.spec.Process.Capabilities); len(got) != 1 || got[0] != "CAP_FLY" {
		t.Error(got)
	}
}

func TestAmbientCapabilitiesOutliveTheChangeOfUser(t *testing.T) {
	b := newBox(t, "grep -E 'CapEff|CapAmb|CapInh' /proc/self/status")
	caps := []string{"CAP_NET_BIND_SERVICE"}
	b.spec.Process.User.UID = 1000
	b.spec.Process.Capabilities = &specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps, Inheritable: caps, Ambient: caps}
	if out, _ := b.run(); strings.Count(out, "0000000000000400") != 3 {
		t.Error(out)
	}
}
