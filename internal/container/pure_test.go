package container

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/internal/container/config"
	"berth/internal/container/index"
	"berth/internal/fault"
)

func TestEveryStateHasItsEventsAndNoOther(t *testing.T) {
	states := []State{Created, Starting, Running, Paused, Restarting, Exited, Removing, Dead, Removed}
	events := []Event{StartBegan, StartFailed, AgainFailed, StartDone, Exit, ExitForNow, Froze, Thawed, StartPlanned, CalledOff, RemoveBegan, RemoveFailed, RemoveDone}
	var got []string
	for _, s := range states {
		for _, ev := range events {
			to, err := next(s, ev)
			if err == nil {
				got = append(got, fmt.Sprintf("%s: %s -> %s", s, ev, to))
			} else if to != s || !fault.Is(err, fault.Conflict) {
				t.Errorf("%s, %s: %s, %v", s, ev, to, err)
			}
		}
	}
	want := []string{
		"created: start began -> starting", "created: remove began -> removing",
		"starting: start failed -> created", "starting: restart failed -> exited", "starting: start done -> running",
		"running: exit -> exited", "running: exit for now -> restarting", "running: froze -> paused",
		"paused: exit -> exited", "paused: exit for now -> restarting", "paused: thawed -> running",
		"restarting: start began -> starting", "restarting: called off -> exited",
		"exited: start began -> starting", "exited: start planned -> restarting", "exited: remove began -> removing",
		"removing: remove failed -> dead", "removing: remove done -> removed",
		"dead: remove began -> removing",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
}

func TestARecordComesBackAsItWas(t *testing.T) {
	timeout := 3
	c := Container{
		ID: "i", Name: "n", Created: time.Now().UTC().Round(0), Config: config.Config{Env: []string{"A=1"}, StopTimeout: &timeout},
		HostConfig: config.HostConfig{PortBindings: []config.PortBinding{{Port: 1, Proto: "tcp"}}, Resources: config.Resources{Memory: 1}},
		State:      Running, Wanted: WantedUp, Run: Run{Pid: 5, Error: "e"},
	}
	var back Container
	if err := json.Unmarshal(put(c).Value, &back); err != nil || !reflect.DeepEqual(c, back) {
		t.Errorf("%+v, %v", back, err)
	}
	// A record of another version: what it does not have is zero, what it has more is passed over.
	if err := json.Unmarshal([]byte(`{"ID":"i","Name":"n","State":"exited","Later":{"x":1}}`), &back); err != nil || back.State != Exited {
		t.Errorf("%+v, %v", back, err)
	}
}

func TestWhatIsSharedIsRecordedByID(t *testing.T) {
	x := index.New[*entry]()
	id := strings.Repeat("a", 64)
	if err := x.Reserve("one", id); err != nil {
		t.Fatal(err)
	}
	x.Add(newEntry(Container{ID: id, Name: "one", HostConfig: config.HostConfig{Mounts: []config.Mount{{Type: "volume", Source: "v", Target: "/v"}}}}))
	for given, want := range map[string]string{"container:aa": "container:" + id, "container:none": "container:none", "bridge": "bridge"} {
		h := config.HostConfig{NetworkMode: given}
		if err := neighboursOf(x).resolve(&h); err != nil || h.NetworkMode != want {
			t.Errorf("%s becomes %s, %v", given, h.NetworkMode, err)
		}
	}
	h := config.HostConfig{PidMode: "container:one", IpcMode: "container:aaa", VolumesFrom: []string{"one:ro"}}
	if err := neighboursOf(x).resolve(&h); err != nil || h.PidMode != "container:"+id || h.IpcMode != "container:"+id || len(h.Mounts) != 1 || h.Mounts[0].From != id || !h.Mounts[0].ReadOnly {
		t.Errorf("%+v, %v", h, err)
	}
	for _, h := range []config.HostConfig{{PidMode: "container:none"}, {IpcMode: "container:none"}, {VolumesFrom: []string{"none"}}} {
		if err := neighboursOf(x).resolve(&h); !fault.Is(err, fault.Invalid) || err.Error() != "No such container: none" {
			t.Errorf("%+v: %v", h, err)
		}
	}
}
