//go:build linux

package life

import (
	"slices"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/fault"
)

func TestAmbientCapabilitiesThatTheKernelRefusesAreLeftOut(t *testing.T) {
	c := &specs.LinuxCapabilities{Permitted: []string{"A", "B"}, Inheritable: []string{"B", "C"}, Ambient: []string{"A", "B", "C"}}
	dropAmbient(c)
	if !slices.Equal(c.Ambient, []string{"B"}) {
		t.Error(c.Ambient)
	}
	dropAmbient(nil)
}

func TestTheDefaultDevicesComeLast(t *testing.T) {
	deny := specs.LinuxDeviceCgroup{Access: "rwm"}
	got := withDevices(&specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{deny}}).Devices
	if len(got) < 2 || got[0].Allow || !got[len(got)-1].Allow {
		t.Errorf("%+v", got)
	}
	all := specs.LinuxDeviceCgroup{Allow: true, Access: "rwm"}
	if got := withDevices(&specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{all}}).Devices; len(got) != 1 {
		t.Errorf("everything is allowed, and more: %+v", got)
	}
	if got := withDevices(nil).Devices; len(got) == 0 {
		t.Error("without rules of its own a container can use every device")
	}
}

func TestATerminalNeedsSomebodyAtItsOtherEnd(t *testing.T) {
	tty, none := &specs.Process{Terminal: true}, &specs.Process{}
	for _, c := range []struct {
		p      *specs.Process
		detach bool
		socket string
		ok     bool
	}{
		{tty, true, "", false}, {tty, true, "/s", true}, {tty, false, "", true}, {tty, false, "/s", false},
		{none, true, "", true}, {none, true, "/s", false}, {none, false, "/s", false},
	} {
		if err := checkTerminal(c.p, c.detach, c.socket); (err == nil) != c.ok || err != nil && !fault.Is(err, fault.Invalid) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestTheGroupIsWhereTheSpecSays(t *testing.T) {
	for path, want := range map[string]string{"": "/a", "/x/y": "/x/y", "x": "/x", "../x": "/x"} {
		if got := groupPath("a", &specs.Linux{CgroupsPath: path}); got != want {
			t.Errorf("%q: %q", path, got)
		}
	}
}

func TestLimitsThatSayNothingAreNoLoss(t *testing.T) {
	for _, r := range []*specs.LinuxResources{nil, {}, withoutDevices(&specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{}}})} {
		if !unlimited(r) {
			t.Errorf("%+v", r)
		}
	}
	if unlimited(&specs.LinuxResources{Pids: &specs.LinuxPids{}}) {
		t.Error("a limit on processes says nothing")
	}
}
