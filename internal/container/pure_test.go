package container

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/internal/container/config"
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

func TestContainersAreFoundByIDThenNameThenPrefix(t *testing.T) {
	x := newIndex()
	add := func(id, name string) {
		t.Helper()
		if err := x.reserve(name, id); err != nil {
			t.Fatal(err)
		}
		x.add(newEntry(Container{ID: id, Name: name}))
	}
	a, b, c := strings.Repeat("a", 64), "ab"+strings.Repeat("b", 62), strings.Repeat("c", 64)
	add(a, "one")
	add(b, "cc") // a name that is a prefix of another's ID
	add(c, a[:12])
	for ref, want := range map[string]string{a: a, "one": a, "/one": a, "cc": b, "ccc": c, "aaa": a, "ab": b, a[:12]: c, a[:13]: a} {
		if e, err := x.find(ref); err != nil || e.id != want {
			t.Errorf("%s: %v", ref, err)
		}
	}
	for ref, want := range map[string]string{
		"a": "multiple IDs found with provided prefix: a", "x": "No such container: x", "": "No such container: ", "on": "No such container: on",
	} {
		if _, err := x.find(ref); err == nil || err.Error() != want {
			t.Errorf("%q: %v", ref, err)
		}
	}
	err := x.reserve("one", "other")
	if want := `Conflict. The container name "/one" is already in use by container "` + a + `". You have to remove (or rename) that container to be able to reuse that name.`; !fault.Is(err, fault.Conflict) || err.Error() != want {
		t.Error(err)
	}
	x.drop(a, "one")
	if err := x.reserve("one", "other"); err != nil {
		t.Error(err)
	}
	if _, err := x.find("one"); !fault.Is(err, fault.NotFound) {
		t.Error("a name whose container is being made is found")
	}
}

func TestListsHaveTheNewestFirst(t *testing.T) {
	x := newIndex()
	now := time.Now()
	for i, id := range []string{"b", "a", "c"} {
		x.add(newEntry(Container{ID: id, Created: now.Add(time.Duration(i/2) * time.Second)}))
	}
	var got string
	for _, e := range x.all() {
		got += e.id
	}
	if got != "cab" {
		t.Error(got)
	}
}

func TestNamesAreCheckedAndGenerated(t *testing.T) {
	for _, good := range []string{"", "ab", "/ab", "A.b_c-d", "0a"} {
		if err := checkName(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"a", "-a", "a b", "//a", "a/b", "ä", "a\n"} {
		if err := checkName(bad); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "("+bad+"), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for range 100 {
		if name := config.GenerateName(); !regexp.MustCompile(`^[a-z]+_[a-z]+$`).MatchString(name) || name == "boring_wozniak" {
			t.Fatal(name)
		}
	}
	x := newIndex()
	seen := map[string]bool{}
	for i := range 2000 {
		name, err := x.takeName("", fmt.Sprintf("%064d", i))
		if err != nil || seen[name] {
			t.Fatalf("%s: %v", name, err)
		}
		seen[name] = true
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
	x := newIndex()
	id := strings.Repeat("a", 64)
	if err := x.reserve("one", id); err != nil {
		t.Fatal(err)
	}
	x.add(newEntry(Container{ID: id, Name: "one", HostConfig: config.HostConfig{Mounts: []config.Mount{{Type: "volume", Source: "v", Target: "/v"}}}}))
	for given, want := range map[string]string{"container:aa": "container:" + id, "container:none": "container:none", "bridge": "bridge"} {
		h := config.HostConfig{NetworkMode: given}
		if err := x.resolve(&h); err != nil || h.NetworkMode != want {
			t.Errorf("%s becomes %s, %v", given, h.NetworkMode, err)
		}
	}
	h := config.HostConfig{PidMode: "container:one", IpcMode: "container:aaa", VolumesFrom: []string{"one:ro"}}
	if err := x.resolve(&h); err != nil || h.PidMode != "container:"+id || h.IpcMode != "container:"+id || len(h.Mounts) != 1 || h.Mounts[0].From != id || !h.Mounts[0].ReadOnly {
		t.Errorf("%+v, %v", h, err)
	}
	for _, h := range []config.HostConfig{{PidMode: "container:none"}, {IpcMode: "container:none"}, {VolumesFrom: []string{"none"}}} {
		if err := x.resolve(&h); !fault.Is(err, fault.Invalid) || err.Error() != "No such container: none" {
			t.Errorf("%+v: %v", h, err)
		}
	}
}

func TestAVolumeThatOthersHaveIsNotTheContainersToRemove(t *testing.T) {
	x := newIndex()
	mounts := func(sources ...string) (list []config.Mount) {
		for _, s := range sources {
			list = append(list, config.Mount{Type: "volume", Source: s, Anonymous: true})
		}
		return list
	}
	going := Container{ID: "a", HostConfig: config.HostConfig{Mounts: mounts("own", "both")}}
	x.add(newEntry(going))
	x.add(newEntry(Container{ID: "b", HostConfig: config.HostConfig{Mounts: mounts("both")}}))
	if got := x.unshared(going).HostConfig.Mounts; len(got) != 1 || got[0].Source != "own" {
		t.Errorf("%+v", got)
	}
}
