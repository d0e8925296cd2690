package config

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/fault"
	"berth/internal/runtime"
)

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
		got, err := Merge(c.req, img, strings.Repeat("a", 64))
		if err != nil || argv(got) != c.want {
			t.Errorf("%s: %q, %v", c.name, argv(got), err)
		}
	}
	req := CreateRequest{Config: Config{Labels: map[string]string{"b": "user"}, ExposedPorts: []string{"81/tcp", "80/tcp"}, Env: []string{"B=3", "A"}}}
	got, _ := Merge(req, img, "0123456789abcdef")
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
		if got, _ := Merge(CreateRequest{HostConfig: HostConfig{NetworkMode: mode}}, img, "0123456789abcdef"); got.Hostname != "" {
			t.Errorf("with the network mode %s it is called %s", mode, got.Hostname)
		}
	}
}

func TestWhatContradictsItselfIsRefusedInDockersWords(t *testing.T) {
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
		"invalid specification: destination can't be '/'":                    func(r *CreateRequest) { r.HostConfig.Mounts = []Mount{{Type: "bind", Target: "/.."}} },
		"invalid mount path: 'a' mount path must be absolute":                func(r *CreateRequest) { r.HostConfig.Tmpfs = map[string]string{"a": ""} },
		"invalid IPC mode: nope":                                             func(r *CreateRequest) { r.HostConfig.IpcMode = "nope" },
		"invalid PID mode: container:":                                       func(r *CreateRequest) { r.HostConfig.PidMode = "container:" },
		"invalid UTS mode: container:a":                                      func(r *CreateRequest) { r.HostConfig.UTSMode = "container:a" },
		"invalid user namespace mode: me":                                    func(r *CreateRequest) { r.HostConfig.UsernsMode = "me" },
		"Invalid network mode: invalid container format container:<name|id>": func(r *CreateRequest) { r.HostConfig.NetworkMode = "container:" },
		"conflicting options: hostname and the UTS mode":                     func(r *CreateRequest) { r.HostConfig.UTSMode, r.Config.Hostname = "host", "h" },
		"conflicting options: mac-address and the network mode":              func(r *CreateRequest) { r.HostConfig.NetworkMode, r.Config.MacAddress = "host", "02:00:00:00:00:01" },
		"Invalid value: 101, valid memory swappiness range is 0-100":         func(r *CreateRequest) { n := int64(101); r.HostConfig.Resources.MemorySwappiness = &n },
		"invalid memory value: -2":                                           func(r *CreateRequest) { r.HostConfig.Resources.MemorySwap = -2 },
		"Minimum memory reservation allowed is 6MB":                          func(r *CreateRequest) { r.HostConfig.Resources.MemoryReservation = 1 },
		"cpu real-time runtime cannot be higher than cpu real-time period": func(r *CreateRequest) {
			r.HostConfig.Resources = Resources{CPURTPeriod: 1000, CPURTRuntime: 2000}
		},
		"the minimum allowed cpu-shares is 2":                                       func(r *CreateRequest) { r.HostConfig.Resources.CPUShares = 1 },
		"Invalid value 1-0 for cpuset cpus: invalid format: 1-0":                    func(r *CreateRequest) { r.HostConfig.Resources.CpusetCpus = "1-0" },
		"Invalid value 0-9999 for cpuset cpus: value of out range, maximum is 8192": func(r *CreateRequest) { r.HostConfig.Resources.CpusetCpus = "0-9999" },
		"Invalid value x for cpuset mems: invalid format: x":                        func(r *CreateRequest) { r.HostConfig.Resources.CpusetMems = "x" },
		"Range of blkio weight is from 10 to 1000":                                  func(r *CreateRequest) { r.HostConfig.Resources.BlkioWeight = 9 },
		"invalid device cgroup rule format: 'x 1:1 r'":                              func(r *CreateRequest) { r.HostConfig.DeviceRules = []string{"x 1:1 r"} },
		`invalid --security-opt 2: "writable-cgroups=x"`:                            func(r *CreateRequest) { r.HostConfig.SecurityOpt = []string{"writable-cgroups=x"} },
		`invalid --security-opt 2: "no-new-privileges:x"`:                           func(r *CreateRequest) { r.HostConfig.SecurityOpt = []string{"no-new-privileges:x"} },
		`invalid --security-opt 1: "label"`:                                         func(r *CreateRequest) { r.HostConfig.SecurityOpt = []string{"label"} },
	} {
		req := CreateRequest{}
		change(&req)
		if err := Check(&req); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	req := CreateRequest{}
	if err := Check(&req); err != nil || req.HostConfig.NetworkMode != "bridge" {
		t.Errorf("%v, %+v", err, req.HostConfig)
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
		got, err := Capabilities(HostConfig{CapAdd: c.add, CapDrop: c.drop})
		if err != nil || !c.want(got) {
			t.Errorf("add %v drop %v: %v, %v", c.add, c.drop, got, err)
		}
	}
}

func TestLimitsBecomeDockersControlGroupValues(t *testing.T) {
	none, unset := int64(0), int64(-1)
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
		{Resources{MemorySwappiness: &none}, `{"memory":{"swappiness":0}}`},
		{Resources{MemorySwappiness: &unset}, `{}`},
		{Resources{Memory: 100, OomKillDisable: true}, `{"memory":{"limit":100,"swap":200,"disableOOMKiller":true}}`},
		{Resources{CPURTPeriod: 7, CPURTRuntime: 5}, `{"cpu":{"realtimeRuntime":5,"realtimePeriod":7}}`},
		{Resources{BlkioWeight: 10}, `{"blockIO":{"weight":10}}`},
		{Resources{PidsLimit: 5}, `{"pids":{"limit":5}}`},
		{Resources{PidsLimit: -1}, `{}`},
	} {
		var r specs.LinuxResources
		c.in.Limit(&r)
		if got, _ := json.Marshal(r); string(got) != c.want {
			t.Errorf("%+v: %s", c.in, got)
		}
	}
}

func TestTheEnvironmentHasDockersOrder(t *testing.T) {
	c := Config{Hostname: "h", Tty: true, Env: []string{"X=1", "TERM=dumb", "EMPTY=", "X=2"}}
	want := []string{"PATH=" + defaultPath, "HOSTNAME=h", "TERM=dumb", "X=2", "EMPTY=", "HOME=/root"}
	if got := Environment(c, "/root"); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	c.Env = []string{"HOME=/mine", "PATH=/bin"}
	if got := Environment(c, "/root"); !slices.Contains(got, "HOME=/mine") || slices.Contains(got, "HOME=/root") || got[0] != "PATH=/bin" {
		t.Errorf("got %q", got)
	}
}

func TestPublishAllTakesEveryExposedPortThatIsNotPublishedYet(t *testing.T) {
	c, hc := Config{ExposedPorts: []string{"80/tcp", "53/udp", "nonsense"}}, HostConfig{PortBindings: []PortBinding{{Port: 80, Proto: "tcp", HostPort: 8080}}}
	if got := Ports(c, hc); len(got) != 1 {
		t.Errorf("%+v", got)
	}
	hc.PublishAll = true
	if got := Ports(c, hc); len(got) != 2 || got[1] != (PortBinding{Port: 53, Proto: "udp"}) {
		t.Errorf("%+v", got)
	}
}

func TestDeviceRulesAreRead(t *testing.T) {
	got, err := DeviceRules([]string{"c 1:1 rwm", "b *:2 r", "a *:* m"})
	text, _ := json.Marshal(got)
	want := `[{"allow":true,"type":"c","major":1,"minor":1,"access":"rwm"},{"allow":true,"type":"b","minor":2,"access":"r"},{"allow":true,"type":"a","access":"m"}]`
	if err != nil || string(text) != want {
		t.Errorf("%s, %v", text, err)
	}
	for _, bad := range []string{"", "c 1:1", "c 1:1 x", "c a:1 r", "d 1:1 r", "c 1:1 rwmr", "c 99999999999:1 r", "c -1:1 r", " c 1:1 r", "a 1:1 rwm", "a 1:* r"} {
		if got, err := DeviceRules([]string{bad}); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v, %v", bad, got, err)
		}
	}
}

func TestSecurityOptionsAreRead(t *testing.T) {
	on, off := true, false
	for _, c := range []struct {
		opts []string
		want Security
	}{
		{[]string{"no-new-privileges"}, Security{NoNewPrivs: true}},
		{[]string{"no-new-privileges:true"}, Security{NoNewPrivs: true}},
		{[]string{"no-new-privileges", "no-new-privileges=false"}, Security{}},
		{[]string{"seccomp:unconfined", "apparmor=mine", "label=type:x", "label:disable"}, Security{Unconfined: true, AppArmor: "mine", Labels: []string{"type:x", "disable"}}},
		{[]string{"seccomp={}", "systempaths=unconfined"}, Security{Profile: []byte("{}"), OpenPaths: true}},
		{[]string{"writable-cgroups=true"}, Security{WritableCgroups: &on}},
		{[]string{"writable-cgroups=false"}, Security{WritableCgroups: &off}},
	} {
		if got, err := ParseSecurity(c.opts); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%v: %+v, %v", c.opts, got, err)
		}
	}
	for _, bad := range []string{"", "=", "x", "x=1", "seccomp", "seccomp=", "apparmor", "systempaths=1", "no-new-privileges=maybe"} {
		if got, err := ParseSecurity([]string{bad}); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %+v, %v", bad, got, err)
		}
	}
}

func TestAListThatNamesTheSameNumbersAgainAndAgainStaysSmall(t *testing.T) {
	if list, why := parseList(strings.Repeat("0-8192,", 500) + "0"); why != "" || len(list) != maxListed+1 {
		t.Errorf("%d numbers, %s", len(list), why)
	}
	if _, why := parseList(strings.Repeat("0,", maxListed+1) + "0"); why == "" {
		t.Error("a list that is longer than all numbers are is taken")
	}
}
