package container

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/runtime"
)

func TestEveryStateHasItsEventsAndNoOther(t *testing.T) {
	states := []State{Created, Starting, Running, Exited, Removing, Dead, Removed}
	events := []Event{StartBegan, StartFailed, AgainFailed, StartDone, Exit, RemoveBegan, RemoveFailed, RemoveDone}
	var got []string
	for _, s := range states {
		for _, ev := range events {
			next, err := s.Next(ev)
			if err == nil {
				got = append(got, fmt.Sprintf("%s: %s -> %s", s, ev, next))
			} else if next != s || !fault.Is(err, fault.Conflict) {
				t.Errorf("%s, %s: %s, %v", s, ev, next, err)
			}
		}
	}
	want := []string{
		"created: start began -> starting", "created: remove began -> removing",
		"starting: start failed -> created", "starting: restart failed -> exited", "starting: start done -> running",
		"running: exit -> exited",
		"exited: start began -> starting", "exited: remove began -> removing",
		"removing: remove failed -> dead", "removing: remove done -> removed",
		"dead: remove began -> removing",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
}

func TestTheImageFillsWhatTheUserLeftOut(t *testing.T) {
	img := Image{
		Env: []string{"A=1", "B=2"}, Cmd: []string{"c"}, Entrypoint: []string{"e"}, User: "u", WorkingDir: "/w",
		Labels: map[string]string{"a": "image", "b": "image"}, ExposedPorts: []string{"80/tcp"}, Volumes: []string{"/v"}, StopSignal: "INT",
	}
	argv := func(c Config) string { return strings.Join(append(slices.Clone(c.Entrypoint), c.Cmd...), " ") }
	for _, c := range []struct {
		name string
		req  CreateRequest
		want string
	}{
		{"nothing given", CreateRequest{}, "e c"},
		{"a command keeps the entrypoint", CreateRequest{Config: Config{Cmd: []string{"x"}}}, "e x"},
		{"an entrypoint drops the command", CreateRequest{Config: Config{Entrypoint: []string{"y"}}, EntrypointSet: true}, "y"},
		{"both", CreateRequest{Config: Config{Entrypoint: []string{"y"}, Cmd: []string{"x"}}, EntrypointSet: true}, "y x"},
		{"an empty entrypoint clears", CreateRequest{Config: Config{Cmd: []string{"x"}}, EntrypointSet: true}, "x"},
	} {
		got, err := merge(c.req, img, strings.Repeat("a", 64))
		if err != nil || argv(got) != c.want {
			t.Errorf("%s: %q, %v", c.name, argv(got), err)
		}
	}
	req := CreateRequest{Config: Config{Labels: map[string]string{"b": "user"}, ExposedPorts: []string{"81/tcp", "80/tcp"}, Env: []string{"B=3", "A"}}}
	got, _ := merge(req, img, "0123456789abcdef")
	want := Config{
		Env: []string{"B=3"}, Cmd: []string{"c"}, Entrypoint: []string{"e"}, User: "u", WorkingDir: "/w", StopSignal: "INT", Hostname: "0123456789ab",
		Labels: map[string]string{"a": "image", "b": "user"}, ExposedPorts: []string{"80/tcp", "81/tcp"}, Volumes: []string{"/v"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
	if img.Labels["b"] != "image" || img.Env[0] != "A=1" {
		t.Error("the image was changed")
	}
	for _, mode := range []string{"host", "container:x"} {
		if got, _ := merge(CreateRequest{HostConfig: HostConfig{NetworkMode: mode}}, img, "0123456789abcdef"); got.Hostname != "" {
			t.Errorf("with the network mode %s it is called %s", mode, got.Hostname)
		}
	}
}

func TestTheEnvironmentHasDockersOrder(t *testing.T) {
	c := Container{Config: Config{Hostname: "h", Tty: true, Env: []string{"X=1", "TERM=dumb", "EMPTY=", "X=2"}}}
	want := []string{"PATH=" + defaultPath, "HOSTNAME=h", "TERM=dumb", "X=2", "EMPTY=", "HOME=/root"}
	if got := processEnv(c, "/root"); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	c.Config.Env = []string{"HOME=/mine", "PATH=/bin"}
	if got := processEnv(c, "/root"); !slices.Contains(got, "HOME=/mine") || slices.Contains(got, "HOME=/root") || got[0] != "PATH=/bin" {
		t.Errorf("got %q", got)
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
		if name := generateName(); !regexp.MustCompile(`^[a-z]+_[a-z]+$`).MatchString(name) || name == "boring_wozniak" {
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
	if id := newID(); len(id) != 64 {
		t.Error(id)
	}
}

func TestWhatContradictsItselfIsRefusedInDockersWords(t *testing.T) {
	x := newIndex()
	x.add(newEntry(Container{ID: strings.Repeat("a", 64)}))
	for want, change := range map[string]func(*CreateRequest){
		"the working directory 'w' is invalid, it needs to be an absolute path": func(r *CreateRequest) { r.Config.WorkingDir = "w" },
		"invalid signal: NOPE":                func(r *CreateRequest) { r.Config.StopSignal = "NOPE" },
		"invalid environment variable: =x":    func(r *CreateRequest) { r.Config.Env = []string{"=x"} },
		"Minimum memory limit allowed is 6MB": func(r *CreateRequest) { r.HostConfig.Resources.Memory = 6<<20 - 1 },
		"Minimum memoryswap limit should be larger than memory limit, see usage": func(r *CreateRequest) {
			r.HostConfig.Resources = Resources{Memory: 8 << 20, MemorySwap: 7 << 20}
		},
		"You should always set the Memory limit when using Memoryswap limit, see usage": func(r *CreateRequest) { r.HostConfig.Resources.MemorySwap = 8 << 20 },
		"Conflicting options: Nano CPUs and CPU Quota cannot both be set": func(r *CreateRequest) {
			r.HostConfig.Resources = Resources{NanoCPUs: 1e9, CPUQuota: 5000}
		},
		"CPU cfs quota can not be less than 1ms (i.e. 1000)":           func(r *CreateRequest) { r.HostConfig.Resources.CPUQuota = 999 },
		"Invalid value 1001, range for oom score adj is [-1000, 1000]": func(r *CreateRequest) { r.HostConfig.OomScoreAdj = 1001 },
		"SHM size can not be less than 0":                              func(r *CreateRequest) { r.HostConfig.ShmSize = -1 },
		`invalid CapAdd: unknown capability: "CAP_NOPE"`:               func(r *CreateRequest) { r.HostConfig.CapAdd = []string{"NOPE"} },
		`invalid --security-opt 2: "no=pe"`:                            func(r *CreateRequest) { r.HostConfig.SecurityOpt = []string{"no=pe"} },
		`invalid --security-opt 1: "nope"`:                             func(r *CreateRequest) { r.HostConfig.SecurityOpt = []string{"nope"} },
		"conflicting options: hostname and the network mode":           func(r *CreateRequest) { r.HostConfig.NetworkMode = "container:aa"; r.Config.Hostname = "h" },
		"conflicting options: port publishing and the container type network mode": func(r *CreateRequest) {
			r.HostConfig.NetworkMode, r.HostConfig.PublishAll = "container:aa", true
		},
		"Duplicate mount point: /a/": func(r *CreateRequest) {
			r.HostConfig.Mounts = []Mount{{Type: "volume", Target: "/a"}, {Type: "volume", Target: "/a/"}}
		},
		"Duplicate mount point: /a": func(r *CreateRequest) {
			r.HostConfig.Mounts, r.HostConfig.Tmpfs = []Mount{{Type: "volume", Target: "/a"}}, map[string]string{"/a": ""}
		},
		"invalid specification: destination can't be '/'":                     func(r *CreateRequest) { r.HostConfig.Mounts = []Mount{{Type: "bind", Target: "/.."}} },
		"invalid mount path: 'a' mount path must be absolute":                 func(r *CreateRequest) { r.HostConfig.Tmpfs = map[string]string{"a": ""} },
		"invalid IPC mode: nope":                                              func(r *CreateRequest) { r.HostConfig.IpcMode = "nope" },
		"sharing the PID namespace of another container is not supported yet": func(r *CreateRequest) { r.HostConfig.PidMode = "container:a" },
		`the logging driver "syslog" is not supported yet`:                    func(r *CreateRequest) { r.HostConfig.LogDriver = "syslog" },
		"the security option apparmor is not supported yet":                   func(r *CreateRequest) { r.HostConfig.SecurityOpt = []string{"apparmor=x"} },
	} {
		req := CreateRequest{}
		change(&req)
		if err := check(x, &req); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	req := CreateRequest{HostConfig: HostConfig{NetworkMode: "container:aa"}}
	if err := check(x, &req); err != nil || req.HostConfig.NetworkMode != "container:"+strings.Repeat("a", 64) {
		t.Errorf("%v, %s", err, req.HostConfig.NetworkMode)
	}
	req = CreateRequest{}
	if err := check(x, &req); err != nil || req.HostConfig.NetworkMode != "bridge" || req.HostConfig.LogDriver != "json-file" {
		t.Errorf("%v, %+v", err, req.HostConfig)
	}
}

func TestPublishAllTakesEveryExposedPortThatIsNotPublishedYet(t *testing.T) {
	c := Container{
		Config:     Config{ExposedPorts: []string{"80/tcp", "53/udp", "nonsense"}},
		HostConfig: HostConfig{PortBindings: []PortBinding{{Port: 80, Proto: "tcp", HostPort: 8080}}},
	}
	if got := portsOf(c); len(got) != 1 {
		t.Errorf("%+v", got)
	}
	c.HostConfig.PublishAll = true
	if got := portsOf(c); len(got) != 2 || got[1] != (PortBinding{Port: 53, Proto: "udp"}) {
		t.Errorf("%+v", got)
	}
}

func TestLimitsBecomeDockersControlGroupValues(t *testing.T) {
	for _, c := range []struct {
		in   Resources
		want string
	}{
		{Resources{}, `{}`},
		{Resources{Memory: 100}, `{"memory":{"limit":100,"swap":200}}`},
		{Resources{Memory: 100, MemorySwap: -1}, `{"memory":{"limit":100,"swap":-1}}`},
		{Resources{Memory: 100, MemorySwap: 150, MemoryReservation: 50}, `{"memory":{"limit":100,"reservation":50,"swap":150}}`},
		{Resources{NanoCPUs: 1_500_000_000}, `{"cpu":{"quota":150000,"period":100000}}`},
		{Resources{CPUQuota: -1, CPUShares: 2}, `{"cpu":{"shares":2,"quota":-1}}`},
		{Resources{CpusetCpus: "0"}, `{"cpu":{"cpus":"0"}}`},
		{Resources{PidsLimit: 5}, `{"pids":{"limit":5}}`},
		{Resources{PidsLimit: -1}, `{}`},
	} {
		var r specs.LinuxResources
		resources(&r, HostConfig{Resources: c.in})
		if got, _ := json.Marshal(r); string(got) != c.want {
			t.Errorf("%+v: %s", c.in, got)
		}
	}
}

func TestCapabilitiesAreAddedAndDropped(t *testing.T) {
	defaults := runtime.DefaultCapabilities()
	for _, c := range []struct {
		add, drop []string
		want      func([]string) bool
	}{
		{nil, nil, func(got []string) bool { return slices.Equal(got, defaults) }},
		{nil, []string{"all"}, func(got []string) bool { return len(got) == 0 }},
		{[]string{"net_admin"}, []string{"ALL"}, func(got []string) bool { return slices.Equal(got, []string{"CAP_NET_ADMIN"}) }},
		{[]string{"CAP_SYS_ADMIN", "chown"}, []string{"kill"}, func(got []string) bool {
			return len(got) == len(defaults) && slices.Contains(got, "CAP_SYS_ADMIN") && !slices.Contains(got, "CAP_KILL")
		}},
		{[]string{"ALL"}, []string{"sys_admin"}, func(got []string) bool { return len(got) == len(runtime.AvailableCapabilities())-1 }},
	} {
		got, err := capabilities(HostConfig{CapAdd: c.add, CapDrop: c.drop})
		if err != nil || !c.want(got) {
			t.Errorf("add %v drop %v: %v, %v", c.add, c.drop, got, err)
		}
	}
}

func TestMountsOfTheUserReplaceOursAndShallowOnesComeFirst(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(dir+"/real", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/real", dir+"/link"); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenFile(dir, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	h := newHost(Deps{Volumes: fakeVolumes{t.TempDir()}}, newIndex())
	show := func(hc HostConfig) string {
		t.Helper()
		c := Container{HostConfig: hc, ResolvConfPath: "/r", HostnamePath: "/n", HostsPath: "/h"}
		list, err := h.mounts(c, root, runtime.DefaultMounts(runtime.Sandbox{HostIPC: hc.IpcMode == "host"}))
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, m := range list {
			out = append(out, m.Destination)
		}
		return strings.Join(out, " ")
	}
	ours := "/proc /dev /dev/pts /sys /sys/fs/cgroup /dev/mqueue /dev/shm"
	net := "/etc/resolv.conf /etc/hostname /etc/hosts"
	for _, c := range []struct {
		hc   HostConfig
		want string
	}{
		{HostConfig{}, ours + " " + net},
		{HostConfig{Mounts: []Mount{{Type: "bind", Source: "/x", Target: "/etc"}}}, ours + " /etc " + net},
		{HostConfig{Mounts: []Mount{{Type: "bind", Source: "/x", Target: "/etc/hosts"}}}, ours + " /etc/hosts /etc/resolv.conf /etc/hostname"},
		{HostConfig{Mounts: []Mount{{Type: "bind", Source: "/x", Target: "/a/b/c"}, {Type: "bind", Source: "/x", Target: "/a/"}}}, ours + " /a " + net + " /a/b/c"},
		{HostConfig{Mounts: []Mount{{Type: "bind", Source: "/dev", Target: "/dev"}}}, "/proc /sys /sys/fs/cgroup /dev " + net},
		{HostConfig{Tmpfs: map[string]string{"/dev/shm": "", "/b": "", "/a": ""}}, strings.TrimSuffix(ours, " /dev/shm") + " /a /b /dev/shm " + net},
		{HostConfig{IpcMode: "host"}, strings.TrimSuffix(ours, " /dev/mqueue /dev/shm") + " /dev/shm /dev/mqueue " + net},
		{HostConfig{Mounts: []Mount{{Type: "bind", Source: "/x", Target: "/link/y"}}}, ours + " /real/y " + net},
	} {
		if got := show(c.hc); got != c.want {
			t.Errorf("%+v\n got %s\nwant %s", c.hc, got, c.want)
		}
	}
}

func TestMountOptionsAreDockers(t *testing.T) {
	h := newHost(Deps{Volumes: fakeVolumes{t.TempDir()}}, newIndex())
	shared := make([]string, 1, 4)
	shared[0] = "uid=1"
	for _, c := range []struct {
		in   Mount
		want string
	}{
		{Mount{Type: "bind", Source: "/s", Target: "/t"}, "bind /s rbind,rprivate"},
		{Mount{Type: "bind", Source: "/s", Target: "/t", ReadOnly: true, Propagation: "rslave"}, "bind /s rbind,rslave,ro,rro"},
		{Mount{Type: "tmpfs", Target: "/t"}, "tmpfs tmpfs noexec,nosuid,nodev,rprivate"},
		{Mount{Type: "tmpfs", Target: "/t", ReadOnly: true, SizeBytes: 64, Mode: 0o1777, Options: shared}, "tmpfs tmpfs noexec,nosuid,nodev,rprivate,uid=1,ro,size=64,mode=1777"},
	} {
		m, err := h.mount(c.in)
		if got := m.Type + " " + m.Source + " " + strings.Join(m.Options, ","); err != nil || got != c.want {
			t.Errorf("%+v: %s, %v", c.in, got, err)
		}
	}
	if shared = shared[:2]; shared[1] != "" {
		t.Error("the container's own options were written to")
	}
	if _, err := h.mount(Mount{Type: "npipe"}); !fault.Is(err, fault.Unsupported) {
		t.Error(err)
	}
}

func TestABindSourceIsMadeOnlyWhenAskedTo(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "a/b")
	err := bindSource(Mount{Type: "bind", Source: missing})
	if !fault.Is(err, fault.Invalid) || err.Error() != `invalid mount config for type "bind": bind source path does not exist: `+missing {
		t.Error(err)
	}
	if err := bindSource(Mount{Type: "bind", Source: missing, Create: true}); err != nil {
		t.Error(err)
	}
	if st, err := os.Stat(missing); err != nil || !st.IsDir() {
		t.Error(err)
	}
}

func TestUndoGivesBackTheLastFirstAndNothingTwice(t *testing.T) {
	var got string
	var u undo
	for _, s := range []string{"a", "b", "c"} {
		u.add(func() { got += s })
	}
	u.run()
	u.run()
	if got != "cba" {
		t.Error(got)
	}
	u.add(func() { got = "ran" })
	u.clear()
	u.run()
	if got != "cba" {
		t.Error(got)
	}
}

func TestARecordComesBackAsItWas(t *testing.T) {
	timeout := 3
	c := Container{
		ID: "i", Name: "n", Created: time.Now().UTC().Round(0), Config: Config{Env: []string{"A=1"}, StopTimeout: &timeout},
		HostConfig: HostConfig{PortBindings: []PortBinding{{Port: 1, Proto: "tcp"}}, Resources: Resources{Memory: 1}},
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
