//go:build linux

package oci

import (
	goruntime "runtime"
	"slices"
	"strconv"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/opencontainers/runtime-spec/specs-go/features"

	"berth/internal/oci/criu"
	"berth/internal/runtime"
	"berth/internal/version"
)

// features prints what the runtime can do (features.md).
func (c *command) features(args []string) (int, error) {
	fs := flags("features")
	if err := parse(fs, args, 0, 0); err != nil {
		return 0, err
	}
	return 0, printJSON(known())
}

// checkpoints is the annotation by which engines know whether there is any use in asking.
const checkpoints = "org.opencontainers.runc.checkpoint.enabled"

func checkpointed() bool {
	_, err := criu.Find()
	return err == nil
}

func known() features.Features {
	yes, no := true, false
	f := features.Features{
		OCIVersionMin: "1.0.0", OCIVersionMax: specs.Version,
		Hooks:        []string{"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"},
		MountOptions: mountOptions(),
		Annotations:  map[string]string{"io.berth.version": version.Version, checkpoints: strconv.FormatBool(checkpointed())},
		Linux: &features.Linux{
			Capabilities:    runtime.AvailableCapabilities(),
			Cgroup:          &features.Cgroup{V1: &yes, V2: &yes, Systemd: &yes, SystemdUser: &no, Rdma: &yes},
			Seccomp:         seccompFeatures(),
			Apparmor:        &features.Apparmor{Enabled: &yes},
			Selinux:         &features.Selinux{Enabled: &yes},
			IntelRdt:        &features.IntelRdt{Enabled: &no},
			MountExtensions: &features.MountExtensions{IDMap: &features.IDMap{Enabled: &yes}},
			NetDevices:      &features.NetDevices{Enabled: &yes},
		},
	}
	f.Linux.Namespaces = []string{"cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"}
	return f
}

func mountOptions() []string {
	list := []string{"bind", "rbind", "idmap", "ridmap", "tmpcopyup", "remount", "defaults", "private", "rprivate", "slave", "rslave", "shared", "rshared", "unbindable", "runbindable"}
	for _, o := range []string{"ro", "rw", "suid", "nosuid", "dev", "nodev", "exec", "noexec", "diratime", "nodiratime",
		"symfollow", "nosymfollow", "atime", "noatime", "strictatime", "nostrictatime", "relatime", "norelatime"} {
		list = append(list, o, "r"+o)
	}
	slices.Sort(list)
	return list
}

func seccompFeatures() *features.Seccomp {
	yes := true
	s := &features.Seccomp{
		Enabled: &yes,
		Actions: []string{"SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD",
			"SCMP_ACT_LOG", "SCMP_ACT_NOTIFY", "SCMP_ACT_TRACE", "SCMP_ACT_TRAP"},
		Operators: []string{"SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_LE", "SCMP_CMP_LT", "SCMP_CMP_MASKED_EQ", "SCMP_CMP_NE"},
		Archs:     []string{"SCMP_ARCH_X32", "SCMP_ARCH_X86", "SCMP_ARCH_X86_64"},
	}
	if goruntime.GOARCH == "arm64" {
		s.Archs = []string{"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"}
	}
	s.KnownFlags = []string{"SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"}
	s.SupportedFlags = s.KnownFlags
	return s
}
