package cgroup

import (
	"fmt"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/fault"
)

func TestRDMALimitsAreOneWriteForEachDeviceInBothVersions(t *testing.T) {
	three, many := uint32(3), uint32(10000)
	r := &specs.LinuxResources{Rdma: map[string]specs.LinuxRdma{
		"ocrdma1": {HcaObjects: &many},
		"mlx5_1":  {HcaHandles: &three, HcaObjects: &many},
	}}
	const want = "[rdma rdma.max = mlx5_1 hca_handle=3 hca_object=10000 rdma rdma.max = ocrdma1 hca_object=10000]"
	for _, v := range []Version{V1, V2} {
		got, err := planned(v, r)
		if err != nil || fmt.Sprint([]step(got)) != want {
			t.Errorf("version %v: %v, %v", v, got, err)
		}
	}
}

func TestRDMALimitsThatSayNothingOrMoreThanOneThingAreRefused(t *testing.T) {
	one := uint32(1)
	for name, l := range map[string]specs.LinuxRdma{"mlx5_1": {}, "": {HcaHandles: &one}, "a b": {HcaHandles: &one}, "a\nb": {HcaHandles: &one}} {
		if _, err := planned(V2, &specs.LinuxResources{Rdma: map[string]specs.LinuxRdma{name: l}}); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", name, err)
		}
	}
}
