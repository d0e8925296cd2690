package notice

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/internal/container/config"
	"berth/internal/container/record"
	"berth/internal/event"
)

// text is events as a test compares them, one a line.
func text(list ...event.Message) string {
	var b strings.Builder
	for _, m := range list {
		fmt.Fprintf(&b, "%s %s %s", m.Type, m.Action, m.ID)
		for _, k := range slices.Sorted(maps.Keys(m.Attributes)) {
			fmt.Fprintf(&b, " %s=%s", k, m.Attributes[k])
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func sample() *record.Container {
	began := time.Unix(1000, 0)
	return &record.Container{
		ID: "c1", Name: "web",
		Config: config.Config{Image: "nginx:1", Labels: map[string]string{"tier": "front", "name": "a label"}},
		HostConfig: config.HostConfig{Mounts: []config.Mount{
			{Type: "bind", Source: "/host", Target: "/h"}, {Type: "volume", Source: "v1", Target: "/data/"}, {Type: "volume", Source: "v2", Target: "/ro", ReadOnly: true},
		}},
		Run: record.Run{Started: began, Finished: began.Add(2900 * time.Millisecond), ExitCode: 137, OOMKilled: true},
	}
}

func TestAContainersEventsCarryItsLabelsUnderItsImageAndName(t *testing.T) {
	if got, want := text(Of(sample(), "rename", "oldName", "/db")), "container rename c1 image=nginx:1 name=web oldName=/db tier=front\n"; got != want {
		t.Error(got)
	}
}

func TestARunsBeginningAndEndAreToldInDockersOrder(t *testing.T) {
	c, at := sample(), []record.Endpoint{{Network: "bridge", NetworkID: "n1"}}
	got := text(slices.Concat(Joined(c, at), []event.Message{Of(c, event.Start)}, Ended(c, false), Left(c, at))...)
	want := `network connect n1 container=c1 name=bridge type=bridge
volume mount v1 container=c1 destination=/data driver=local propagation= read/write=true
volume mount v2 container=c1 destination=/ro driver=local propagation= read/write=false
container start c1 image=nginx:1 name=web tier=front
container oom c1 image=nginx:1 name=web tier=front
container die c1 execDuration=2 exitCode=137 image=nginx:1 name=web tier=front
network disconnect n1 container=c1 name=bridge type=bridge
volume unmount v1 container=c1 driver=local
volume unmount v2 container=c1 driver=local
`
	if got != want {
		t.Error(got)
	}
}

func TestOneThatSharesAnothersNetworkIsConnectedToNone(t *testing.T) {
	c := &record.Container{ID: "c1"}
	if got := text(Joined(c, nil)...) + text(Left(c, nil)...); got != "" {
		t.Error(got)
	}
}

func TestAnExecsEventsHoldItsCommand(t *testing.T) {
	for want, argv := range map[string][]string{"true ": {"true"}, "sh -c exit 4": {"sh", "-c", "exit 4"}, "": nil} {
		if got := Command(argv); got != want {
			t.Errorf("%q", got)
		}
	}
}
