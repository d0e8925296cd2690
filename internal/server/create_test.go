package server

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"berth/internal/container/config"
	"berth/internal/container/restart"
	"berth/internal/fault"
	"berth/internal/idmap"
	"berth/internal/server/grammar"
	"berth/internal/server/show"
)

// stockBody is what docker 28.2.2 sends for docker run -d --rm -p 8080:80 -v data:/data:ro x true.
const stockBody = `{"Hostname":"","Domainname":"","User":"","AttachStdin":false,"AttachStdout":false,"AttachStderr":false,"ExposedPorts":{"80/tcp":{}},
"Tty":false,"OpenStdin":false,"StdinOnce":false,"Env":null,"Cmd":["true"],"Image":"x","Volumes":{},"WorkingDir":"","Entrypoint":null,"OnBuild":null,"Labels":{},
"HostConfig":{"Binds":["data:/data:ro"],"ContainerIDFile":"","LogConfig":{"Type":"","Config":{}},"NetworkMode":"default","PortBindings":{"80/tcp":[{"HostIp":"","HostPort":"8080"}]},
"RestartPolicy":{"Name":"no","MaximumRetryCount":0},"AutoRemove":true,"VolumeDriver":"","VolumesFrom":null,"ConsoleSize":[24,80],"CapAdd":null,"CapDrop":null,"CgroupnsMode":"",
"Dns":[],"DnsOptions":[],"DnsSearch":[],"ExtraHosts":null,"GroupAdd":null,"IpcMode":"","Cgroup":"","Links":null,"OomScoreAdj":0,"PidMode":"","Privileged":false,"PublishAllPorts":false,
"ReadonlyRootfs":false,"SecurityOpt":null,"UTSMode":"","UsernsMode":"","ShmSize":0,"Isolation":"","CpuShares":0,"Memory":0,"NanoCpus":0,"CgroupParent":"","BlkioWeight":0,
"BlkioWeightDevice":[],"BlkioDeviceReadBps":[],"BlkioDeviceWriteBps":[],"BlkioDeviceReadIOps":[],"BlkioDeviceWriteIOps":[],"CpuPeriod":0,"CpuQuota":0,"CpuRealtimePeriod":0,
"CpuRealtimeRuntime":0,"CpusetCpus":"","CpusetMems":"","Devices":[],"DeviceCgroupRules":null,"DeviceRequests":null,"MemoryReservation":0,"MemorySwap":0,"MemorySwappiness":-1,
"OomKillDisable":false,"PidsLimit":0,"Ulimits":[],"CpuCount":0,"CpuPercent":0,"IOMaximumIOps":0,"IOMaximumBandwidth":0,"MaskedPaths":null,"ReadonlyPaths":null},
"NetworkingConfig":{"EndpointsConfig":{"default":{"IPAMConfig":null,"Links":null,"Aliases":null,"MacAddress":"","DriverOpts":null,"GwPriority":0,"NetworkID":"","EndpointID":"","Gateway":"",
"IPAddress":"","IPPrefixLen":0,"IPv6Gateway":"","GlobalIPv6Address":"","GlobalIPv6PrefixLen":0,"DNSNames":null}}}}`

func TestTheStockClientsDefaultsPass(t *testing.T) {
	f := &fake{}
	w := ask(f, "POST", "/v1.50/containers/create?name=web&platform=linux/amd64", stockBody)
	if w.Code != 201 || w.Body.String() != `{"Id":"c1","Warnings":[]}`+"\n" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	got := f.created
	if got.Name != "web" || got.Platform != "linux/amd64" || got.EntrypointSet || !got.HostConfig.AutoRemove || got.HostConfig.ConsoleSize != [2]uint{24, 80} {
		t.Errorf("%+v", got)
	}
	if want := []config.Mount{{Type: "volume", Source: "data", Target: "/data", ReadOnly: true}}; !reflect.DeepEqual(got.HostConfig.Mounts, want) {
		t.Errorf("mounts %+v", got.HostConfig.Mounts)
	}
	if want := []config.PortBinding{{Port: 80, Proto: "tcp", HostPort: 8080}}; !reflect.DeepEqual(got.HostConfig.PortBindings, want) {
		t.Errorf("ports %+v", got.HostConfig.PortBindings)
	}
}

func TestUnknownFieldsAreIgnored(t *testing.T) {
	if w := ask(&fake{}, "POST", "/containers/create", `{"Image":"x","Odd":1,"HostConfig":{"Odder":{}}}`); w.Code != 201 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestWhatCannotBeHonouredIsRefusedByName(t *testing.T) {
	for body, want := range map[string]string{
		`{"Image":"x","HostConfig":{"RestartPolicy":{"Name":"always"}}}`:                                                                                      "",
		`{"Image":"x","HostConfig":{"MemorySwappiness":0}}`:                                                                                                   "",
		`{"Image":"x","HostConfig":{"CpuCount":1}}`:                                                                                                           "HostConfig.CPUCount is not supported yet",
		`{"Image":"x","HostConfig":{"CpuPercent":1}}`:                                                                                                         "HostConfig.CPUPercent is not supported yet",
		`{"Image":"x","HostConfig":{"Cgroup":"a"}}`:                                                                                                           "HostConfig.Cgroup is not supported yet",
		`{"Image":"x","NetworkingConfig":{"EndpointsConfig":{"bridge":{"DriverOpts":{"a":"b"}}}}}`:                                                            "NetworkingConfig.EndpointsConfig.DriverOpts is not supported yet",
		`{"Image":"x","NetworkingConfig":{"EndpointsConfig":{"bridge":{"Links":["a:b"]}}}}`:                                                                   "NetworkingConfig.EndpointsConfig.Links is not supported yet",
		`{"Image":"x","NetworkingConfig":{"EndpointsConfig":{"other":{"IPAMConfig":{"IPv6Address":"fd00::2"}}}}}`:                                             "IPv6 is not supported yet on networks: fd00::2",
		`{"Image":"x","HostConfig":{"Init":true}}`:                                                                                                            "",
		`{"Image":"x","Healthcheck":{"Test":["CMD","true"]}}`:                                                                                                 "",
		`{"Image":"x","Healthcheck":{"Test":["TCP",":1"],"OnFailure":"stop"}}`:                                                                                "",
		`{"Image":"x","Healthcheck":{"Test":["NONE"]}}`:                                                                                                       "",
		`{"Image":"x","NetworkingConfig":{"EndpointsConfig":{"bridge":null}}}`:                                                                                "",
		`{"Image":"x","NetworkingConfig":{"EndpointsConfig":{"bridge":{"NetworkID":"a","EndpointID":"b","IPAddress":"10.0.0.2"}}}}`:                           "",
		`{"Image":"x","HostConfig":{"Runtime":"runc"}}`:                                                                                                       "",
		`{"Image":"x","NetworkingConfig":{"EndpointsConfig":{"other":{}}}}`:                                                                                   "",
		`{"Image":"x","HostConfig":{"Mounts":[{"Type":"image","Source":"i","Target":"/b","ImageOptions":{"Subpath":"a/b"}}]}}`:                                "",
		`{"Image":"x","HostConfig":{"Mounts":[{"Type":"bind","Source":"/a","Target":"/b","BindOptions":{"IDMapping":{"Source":"match-user","User":"33"}}}]}}`: "",
	} {
		w := ask(&fake{}, "POST", "/containers/create", body)
		if want == "" {
			if w.Code != 201 {
				t.Errorf("%s: %d %s", body, w.Code, w.Body)
			}
		} else if w.Code != 501 || message(t, w) != want {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
}

func TestBadGrammarIsRefusedInDockersWords(t *testing.T) {
	for hostConfig, want := range map[string]string{
		`{"Binds":["a:b:c:d"]}`:                                    "invalid volume specification: 'a:b:c:d'",
		`{"Binds":["/a:rw"]}`:                                      "invalid volume specification: '/a:rw'",
		`{"Binds":[":/b"]}`:                                        "invalid volume specification: ':/b'",
		`{"Binds":["/a:b"]}`:                                       `invalid volume specification: '/a:b': invalid mount config for type "bind": invalid mount path: 'b' mount path must be absolute`,
		`{"Binds":["/a:/"]}`:                                       `invalid volume specification: '/a:/': invalid mount config for type "bind": invalid specification: destination can't be '/'`,
		`{"Binds":["/a:/b:odd"]}`:                                  "invalid mode: odd",
		`{"Binds":["/a:/b:ro,rw"]}`:                                "invalid mode: ro,rw",
		`{"Binds":["a/b:/c"]}`:                                     `create a/b: "a/b" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
		`{"Mounts":[{"Type":"odd","Target":"/a"}]}`:                `invalid mount config for type "odd": mount type unknown`,
		`{"Mounts":[{"Type":"bind","Target":"/a"}]}`:               `invalid mount config for type "bind": field Source must not be empty`,
		`{"Mounts":[{"Type":"tmpfs","Source":"x","Target":"/a"}]}`: `invalid mount config for type "tmpfs": field Source must not be specified`,
		`{"Mounts":[{"Type":"bind","Source":"/x","Target":"/a","TmpfsOptions":{}}]}`: `invalid mount config for type "bind": field TmpfsOptions must not be specified`,
		`{"Mounts":[{"Type":"volume","Target":""}]}`:                                 `invalid mount config for type "volume": field Target must not be empty`,
		`{"Tmpfs":{"/a":"size=1m,odd"}}`:                                             `invalid tmpfs option ["odd"]`,
		`{"PortBindings":{"80/odd":[{}]}}`:                                           `invalid port specification: "80/odd"`,
		`{"PortBindings":{"0/tcp":[{}]}}`:                                            `invalid port specification: "0/tcp"`,
		`{"PortBindings":{"80/tcp":[{"HostPort":"x"}]}}`:                             `invalid port specification: "x"`,
		`{"PortBindings":{"80/tcp":[{"HostPort":"70000"}]}}`:                         `invalid port specification: "70000"`,
		`{"Ulimits":[{"Name":"odd","Soft":1,"Hard":1}]}`:                             "invalid ulimit type: odd",
		`{"Ulimits":[{"Name":"nofile","Soft":2,"Hard":1}]}`:                          "ulimit soft limit must be less than or equal to hard limit: 2 > 1",
		`{"DeviceRequests":[{"Count":-1,"Capabilities":[["gpu"]]}]}`:                 `could not select device driver "" with capabilities: [[gpu]]`,
		`{"Devices":[{"PathOnHost":"/dev/x","PathInContainer":"/a/.."}]}`:            "invalid device specification: /dev/x:/a/..:rwm",
		`{"Isolation":"hyperv"}`:                                                     `Invalid isolation: "hyperv" - linux only supports 'default'`,
		`{"IOMaximumIOps":1}`:                                                        "Invalid QoS settings: linux does not support configuration of maximum IOPs",
		`{"IOMaximumBandwidth":1}`:                                                   "Invalid QoS settings: linux does not support configuration of maximum bandwidth",
		`{"Links":["a:b:c"]}`:                                                        "bad format for links: a:b:c",
		`{"Links":["a:b"],"NetworkMode":"host"}`:                                     "conflicting options: host type networking can't be used with links. This would result in undefined behavior",
		`{"Binds":["/a:/b:nocopy"]}`:                                                 `invalid volume specification: '/a:/b:nocopy': invalid mount config for type "bind": field VolumeOptions must not be specified`,
		`{"Binds":["vol:/b:rshared"]}`:                                               `invalid volume specification: 'vol:/b:rshared': invalid mount config for type "volume": field BindOptions must not be specified`,
		`{"Binds":["x:/b"]}`:                                                         "create x: volume name is too short, names should be at least two alphanumeric characters",
		`{"Tmpfs":{"t":""}}`:                                                         "invalid mount path: 't' mount path must be absolute",
		`{"Mounts":[{"Type":"bind","Source":"/x","Target":"/a","BindOptions":{"ReadOnlyNonRecursive":true}}]}`: `invalid mount config for type "bind": ReadOnlyNonRecursive is only for a mount that is ReadOnly`,
		`{"Mounts":[{"Type":"volume","Source":"vv","Target":"/a","VolumeOptions":{"Subpath":"../x"}}]}`:        `invalid mount config for type "volume": subpath must be a relative path within the volume`,
		`{"Ulimits":[{"Name":"nofile","Soft":1,"Hard":1},{"Name":"nofile","Soft":1,"Hard":1}]}`:                "HostConfig.Ulimits names nofile twice",
		`{"ExtraHosts":["odd"]}`: `bad format for add-host: "odd"`,
		`{"ExtraHosts":["a:b"]}`: `invalid IP address in add-host: "b"`,
		`{"Devices":[{"PathOnHost":"/dev/x","CgroupPermissions":"q"}]}`: "invalid device specification: /dev/x:/dev/x:q",
	} {
		w := ask(&fake{}, "POST", "/containers/create", `{"Image":"x","HostConfig":`+hostConfig+`}`)
		if w.Code != 400 || message(t, w) != want {
			t.Errorf("%s: %d %s", hostConfig, w.Code, w.Body)
		}
	}
}

func TestEntrypointsEmptyWordClearsTheImages(t *testing.T) {
	for body, want := range map[string]bool{
		`{"Image":"x","Entrypoint":[""]}`: true, `{"Image":"x","Entrypoint":null}`: false, `{"Image":"x"}`: false, `{"Image":"x","Entrypoint":["a"]}`: true,
	} {
		f := &fake{}
		ask(f, "POST", "/containers/create", body)
		if f.created.EntrypointSet != want || len(f.created.Config.Entrypoint) == 1 && f.created.Config.Entrypoint[0] == "" {
			t.Errorf("%s: %+v", body, f.created)
		}
	}
}

func TestOneStringIsOneWordOfACommand(t *testing.T) {
	f := &fake{}
	if w := ask(f, "POST", "/containers/create", `{"Image":"x","Cmd":"a b","Entrypoint":"c"}`); w.Code != 201 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if c := f.created.Config; !slices.Equal(c.Cmd, []string{"a b"}) || !slices.Equal(c.Entrypoint, []string{"c"}) {
		t.Errorf("%q %q", c.Entrypoint, c.Cmd)
	}
	if w := ask(f, "POST", "/containers/create", `{"Image":"x","Cmd":5}`); w.Code != 400 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestWhatIsShownCanBeCreatedAgain holds both directions of the translation together.
func TestWhatIsShownCanBeCreatedAgain(t *testing.T) {
	list := []string{"/proc/x"}
	none := []string{}
	swappiness, umask := int64(9), uint32(0o77)
	want := config.HostConfig{
		AutoRemove: true, Init: new(bool), RestartPolicy: restart.Policy{Name: "on-failure", Max: 3}, Binds: []string{"/h:/c:ro"}, NetworkMode: "bridge", PublishAll: true, DNS: []netip.Addr{netip.MustParseAddr("1.1.1.1")},
		DNSOptions: []string{"o"}, DNSSearch: []string{"s"}, ExtraHosts: []string{"a:1.2.3.4"}, CapAdd: []string{"A"}, CapDrop: []string{"B"}, GroupAdd: []string{"g"},
		Privileged: true, ReadonlyRootfs: true, SecurityOpt: []string{"x"}, Devices: []config.Device{{Host: "/dev/a", Container: "/dev/b", Permissions: "r"}},
		IpcMode: "host", PidMode: "host", UTSMode: "host", CgroupnsMode: "host", CgroupParent: "/p", Runtime: "crun", ShmSize: 5, OomScoreAdj: 7, Sysctls: map[string]string{"a": "b"},
		Ulimits: []config.Ulimit{{Name: "nofile", Soft: 1, Hard: 2}}, ConsoleSize: [2]uint{1, 2}, LogDriver: "none", LogOptions: map[string]string{"a": "b"},
		Tmpfs: map[string]string{"/t": "size=1m"}, MaskedPaths: &list, ReadonlyPaths: &none,
		PortBindings: []config.PortBinding{{Port: 80, Proto: "tcp", HostIP: netip.MustParseAddr("127.0.0.1"), HostPort: 8080}, {Port: 81, Proto: "udp"}, {Port: 82, Proto: "sctp", HostPort: 90, HostPortEnd: 99}},
		Resources: config.Resources{Memory: 1, MemorySwap: 2, MemoryReservation: 3, NanoCPUs: 4, CPUShares: 5, CPUPeriod: 6, CPUQuota: 7, CpusetCpus: "0", CpusetMems: "1", PidsLimit: 8,
			MemorySwappiness: &swappiness, OomKillDisable: true, CPURTPeriod: 9, CPURTRuntime: 8, BlkioWeight: 20, BlkioWeights: []config.DeviceWeight{{Path: "/w", Weight: 30}},
			BlkioReadBps: []config.DeviceRate{{Path: "/r", Rate: 1}}, BlkioWriteBps: []config.DeviceRate{{Path: "/r", Rate: 2}},
			BlkioReadIOps: []config.DeviceRate{{Path: "/r", Rate: 3}}, BlkioWriteIOps: []config.DeviceRate{{Path: "/r", Rate: 4}}},
		VolumesFrom: []string{"v:ro"}, VolumeDriver: "local", UsernsMode: "host", Isolation: "default", IDFile: "/cid", Annotations: map[string]string{"a": "b"},
		DeviceRules: []string{"c 1:1 r"}, Umask: &umask, StorageOpt: map[string]string{"size": "1g"},
		Mounts: []config.Mount{
			{Type: "bind", Source: "/h", Target: "/c", ReadOnly: true, Create: true},
			{Type: "bind", Source: "/h", Target: "/d", Propagation: "rslave"},
			{Type: "bind", Source: "/h", Target: "/g", ReadOnly: true, ReadOnlyTop: true},
			{Type: "bind", Source: "/h", Target: "/i", ReadOnly: true, ReadOnlyAll: true},
			{Type: "bind", Source: "/h", Target: "/j", NonRecursive: true},
			{Type: "volume", Source: "vol", Target: "/e", NoCopy: true, Subpath: "a/b", ModeWords: "z"},
			{Type: "bind", Source: "/h", Target: "/k", IDMapping: &idmap.Mapping{Source: idmap.MatchUser, User: "www"}},
			{Type: "image", Source: "i:1", Target: "/l", Subpath: "a/b"},
			{Type: "tmpfs", Target: "/f", SizeBytes: 9, Mode: 0o700, Options: []string{"noexec", "uid=1"}},
		},
	}
	text, err := json.Marshal(show.HostConfig(&want))
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{}
	if w := ask(f, "POST", "/containers/create", `{"Image":"x","HostConfig":`+string(text)+`}`); w.Code != 201 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for i := range f.created.HostConfig.Mounts {
		m := &f.created.HostConfig.Mounts[i]
		if m.Said == nil != (i == 0) { // the first is a bind's
			t.Errorf("%s was said as %s", m.Target, m.Said)
		}
		m.Said = nil
	}
	if !reflect.DeepEqual(f.created.HostConfig, want) {
		t.Errorf("got  %+v\nwant %+v", f.created.HostConfig, want)
	}
}

func FuzzCreate(f *testing.F) {
	f.Add([]byte(stockBody))
	f.Add([]byte(`{"Image":"x","HostConfig":{"Mounts":[{"Type":"tmpfs","Target":"/a","TmpfsOptions":{"Options":[["a","b"],[]]}}],"Ulimits":[null],"Devices":[{}]}}`))
	f.Add([]byte(`{"NetworkingConfig":{"EndpointsConfig":{"":null}},"ExposedPorts":{"":{}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var b grammar.Body
		if json.NewDecoder(bytes.NewReader(body)).Decode(&b) != nil {
			return
		}
		req, err := grammar.Create(&b)
		if err != nil {
			if k := fault.KindOf(err); k != fault.Invalid && k != fault.Unsupported {
				t.Errorf("%v is of kind %d", err, k)
			}
			return
		}
		for _, m := range req.HostConfig.Mounts {
			if !strings.HasPrefix(m.Target, "/") || m.Target == "/" {
				t.Errorf("a mount at %q", m.Target)
			}
		}
		show.HostConfig(&req.HostConfig)
	})
}

func TestLimitsOnKernelMemoryAreDiscardedWithAWarningWhereTheVersionHasThem(t *testing.T) {
	const body = `{"Image":"x","HostConfig":{"KernelMemory":16777216,"KernelMemoryTCP":1,"Memory":67108864}}`
	for version, want := range map[string]int{"/v1.41": 2, "/v1.42": 0} {
		w := ask(&fake{}, "POST", version+"/containers/create", body)
		var made struct{ Warnings []string }
		if err := json.Unmarshal(w.Body.Bytes(), &made); err != nil || w.Code != 201 || len(made.Warnings) != want {
			t.Errorf("%s: %d %s, %v", version, w.Code, w.Body, err)
		}
	}
}
