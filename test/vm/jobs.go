//go:build linux

package main

import (
	"fmt"
	"strings"
	"time"

	"berth/test/vm/plan"
)

// packageJob is a package whose tests run in the machine.
type packageJob struct {
	name string // of the job, and of the package below berth/
	run  string // which tests, a pattern for -test.run; "" means all
	skip string // which not, a pattern for -test.skip

	count int  // how many times
	peers bool // whether the tests compare with other runtimes
}

// jobs are the packages that have something to say about the kernel. They run
// in this order, from the ground up: the first failure is the one to look at.
func jobs() []packageJob {
	return []packageJob{
		{name: "internal/linux/cgroup"},
		{name: "internal/linux/cgroup/stat"},
		{name: "internal/linux/mount"},
		{name: "internal/archive", skip: "Swapped|Huge"},                 // races of seconds, and a gigabyte
		{name: "internal/space", peers: true, skip: "ComeAndGo"},         // which races for seconds
		{name: "internal/container/rootfs", peers: true, run: "ItsSize"}, // quotas of ext4 and xfs
		{name: "internal/linux/seccomp", run: "Kernel"},
		{name: "internal/launch"},
		{name: "internal/runtime"},
		{name: "internal/keeper", skip: "AFullSpool"}, // 64 MiB through a pipe, which take minutes on a busy host
		{name: "internal/network", skip: "Measure"},
		{name: "internal/container", skip: "ManyClientsAtOnce"}, // a storm, for which a minute is short here
		{name: "test/vm/smoke"},
		{name: "test/oci", peers: true},
		{name: "test/breakout"},
		// What reaches the kernel, with our client; the stock one speaks to the
		// same engine, and is not in the machine.
		{name: "test/integration", skip: "Debian|/^docker$", run: strings.Join([]string{
			"GoesThroughItsLife", "StartAttaches", "AttachSees", "ExecRuns", "RmTakes",
			"APublishedPort", "APortOfAnAddress", "ATakenPort", "RunConfines", "RunSetsUp", "LimitsReach", "NetworksOf",
			"ATerminalIsRaw", "ATerminalEchoes", "DetachKeys", "ExecHasATerminal", "WarmStart", "AnotherRuntimeOutlives", "APausedContainer",
			"FieldsOfACreate", "NamespacesOfAnother", "BindsTake", "MountsPropagate", "APartOfAVolume", "FilesOfAMappedBind", "PidNamespaceThatItIsIn",
			"StatsCount", "AStreamOfStats", "AFailedUpdate", "AnUpdateLimits",
		}, "|")},
	}
}

// Emulated processors are slow, and two of them share what the host has.
const (
	jobTimeout = 6 * time.Minute
	grace      = 30 * time.Second // for go test to tell where it hangs
)

// binary is the name that go test -c gives to a package's tests.
func (j packageJob) binary() string { return j.name[strings.LastIndexByte(j.name, '/')+1:] + ".test" }

func (j packageJob) job() plan.Job {
	args := []string{"/tests/" + j.binary(), "-test.v", "-test.timeout=" + jobTimeout.String(), fmt.Sprint("-test.count=", j.count)}
	if j.run != "" {
		args = append(args, "-test.run="+j.run)
	}
	if j.skip != "" {
		args = append(args, "-test.skip="+j.skip)
	}
	path := "PATH=/bin:/sbin"
	if j.peers {
		path = "PATH=" + peersDir + ":/bin:/sbin" // criu wants GNU's tar
	}
	return plan.Job{
		Name: j.name, Dir: "/src/" + j.name, Args: args, Timeout: jobTimeout + grace,
		Env: []string{path, "HOME=/root", "TMPDIR=/tmp", "LANG=C.UTF-8", "BERTH_TEST_VM=1", "BERTH_TEST_BIN=/bin"},
	}
}
