package opts

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

// grammar is a table of what a flag makes of a text, as JSON or as an error.
func grammar(t *testing.T, parse func(string) (any, error), rows [][2]string) {
	t.Helper()
	for _, row := range rows {
		v, err := parse(row[0])
		got := "error: "
		if err != nil {
			got += err.Error()
		} else {
			b, _ := json.Marshal(v)
			got = string(b)
		}
		if got != row[1] {
			t.Errorf("%q\n got %s\nwant %s", row[0], got, row[1])
		}
	}
}

func set[T any](value func() (pflag.Value, T)) func(string) (any, error) {
	return func(s string) (any, error) {
		v, out := value()
		err := v.Set(s)
		return out, err
	}
}

func TestSizesAndAmounts(t *testing.T) {
	grammar(t, set(func() (pflag.Value, *Bytes) { b := new(Bytes); return b, b }), [][2]string{
		{"1", "1"}, {"1b", "1"}, {"64m", "67108864"}, {"1.5g", "1610612736"}, {"2GB", "2147483648"}, {"1KiB", "1024"},
		{"-1", "error: invalid size: '-1'"}, {"", "error: invalid size: ''"}, {"x", "error: invalid size: 'x'"},
	})
	grammar(t, set(func() (pflag.Value, *SwapBytes) { b := new(SwapBytes); return b, b }), [][2]string{
		{"-1", "-1"}, {"1k", "1024"}, {"-2", "error: invalid size: '-2'"},
	})
	grammar(t, func(s string) (any, error) { return ParseCPUs(s) }, [][2]string{
		{"1", "1000000000"}, {".5", "500000000"}, {"1/2", "500000000"}, {"1e-9", "1"},
		{"1e-10", "error: value is too precise"}, {"x", "error: failed to parse x as a rational number"},
	})
	grammar(t, func(s string) (any, error) { var u Ulimits; err := u.Set(s); return u.List(), err }, [][2]string{
		{"nofile=1", `[{"Name":"nofile","Hard":1,"Soft":1}]`}, {"nofile=1:2", `[{"Name":"nofile","Hard":2,"Soft":1}]`},
		{"core=-1", `[{"Name":"core","Hard":-1,"Soft":-1}]`},
		{"x=1", "error: invalid ulimit type: x"}, {"nofile", "error: invalid ulimit argument: nofile"},
		{"nofile=2:1", "error: ulimit soft limit must be less than or equal to hard limit: 2 > 1"},
	})
}

func TestPorts(t *testing.T) {
	grammar(t, func(s string) (any, error) {
		exposed, bound, err := Ports(strings.Fields(s), nil)
		return []any{exposed, bound}, err
	}, [][2]string{
		{"80", `[{"80/tcp":{}},{"80/tcp":[{"HostIp":"","HostPort":""}]}]`},
		{"8080:80/udp", `[{"80/udp":{}},{"80/udp":[{"HostIp":"","HostPort":"8080"}]}]`},
		{"1.2.3.4::80", `[{"80/tcp":{}},{"80/tcp":[{"HostIp":"1.2.3.4","HostPort":""}]}]`},
		{"[::1]:8080:80", `[{"80/tcp":{}},{"80/tcp":[{"HostIp":"::1","HostPort":"8080"}]}]`},
		{"1-2:3-4", `[{"3/tcp":{},"4/tcp":{}},{"3/tcp":[{"HostIp":"","HostPort":"1"}],"4/tcp":[{"HostIp":"","HostPort":"2"}]}]`},
		{"published=1,target=2,protocol=sctp", `[{"2/sctp":{}},{"2/sctp":[{"HostIp":"","HostPort":"1"}]}]`},
		{"1-2:3-5", "error: invalid ranges specified for container and host Ports: 3-5 and 1-2"},
		{"99999:80", "error: invalid hostPort: 99999"}, {"a=", "error: no port specified: :/tcp<empty>"},
		{"x:80", "error: invalid hostPort: x"}, {"80/x", "error: invalid proto: x"},
	})
}

func TestVolumes(t *testing.T) {
	abs, _ := filepath.Abs("x")
	grammar(t, func(s string) (any, error) {
		binds, anonymous, err := Volumes(strings.Fields(s))
		return []any{binds, anonymous}, err
	}, [][2]string{
		{"/a", `[null,{"/a":{}}]`}, {"/a:/b", `[["/a:/b"],{}]`}, {"n:/b:ro,z", `[["n:/b:ro,z"],{}]`},
		{"./x:/b", `[["` + abs + `:/b"],{}]`}, {"/a:/b /a:/b", `[["/a:/b"],{}]`}, {`c:\x:d:\y`, `[["c:\\x:d:\\y"],{}]`},
		{"aa::b", "error: invalid spec: aa::b: empty section between colons"}, {":/b", "error: invalid spec: :/b: empty section between colons"},
		{"aa:/b:ro:x", "error: invalid spec: aa:/b:ro:x: too many colons"},
	})
}

func TestMounts(t *testing.T) {
	grammar(t, func(s string) (any, error) { return ParseMount(s) }, [][2]string{
		{"type=bind,src=/a,dst=/b,ro", `{"Type":"bind","Source":"/a","Target":"/b","ReadOnly":true}`},
		{"type=bind,src=/a,dst=/b,bind-recursive=enabled", `{"Type":"bind","Source":"/a","Target":"/b"}`},
		{"src=v,target=/b,volume-nocopy=0,volume-opt=a=b,volume-label=c", `{"Type":"volume","Source":"v","Target":"/b","VolumeOptions":{"Labels":{"c":""},"DriverConfig":{"Options":{"a":"b"}}}}`},
		{"type=tmpfs,dst=/b,tmpfs-mode=0700", `{"Type":"tmpfs","Target":"/b","TmpfsOptions":{"Mode":448}}`},
		{`type=bind,"src=/a,b",dst=/b`, `{"Type":"bind","Source":"/a,b","Target":"/b"}`},
		{"type=bind,src=/a,dst=/b,bind-idmap", `{"Type":"bind","Source":"/a","Target":"/b","BindOptions":{"IDMapping":{"Source":"match-user"}}}`},
		{"type=bind,src=/a,dst=/b,idmap=match-user:33:44", `{"Type":"bind","Source":"/a","Target":"/b","BindOptions":{"IDMapping":{"Source":"match-user","User":"33:44"}}}`},
		{"type=bind,bind-idmap=all", `error: invalid ID mapping: "all" (must be "match-user", "match-user:USER" or "userns")`},
		{"type=tmpfs,idmap", "error: cannot mix 'bind-*' options with mount type 'tmpfs'"},
		{"", "error: value is empty"}, {"x", "error: invalid field 'x' must be a key=value pair"},
		{"type=bind,x=y", "error: unknown option 'x' in 'x=y'"}, {"src=", "error: invalid value for 'src': value is empty"},
		{"type=tmpfs,bind-propagation=shared", "error: cannot mix 'bind-*' options with mount type 'tmpfs'"},
		{"ro=maybe", `error: invalid value for 'ro': invalid boolean value ("maybe"): must be one of "true", "1", "false", or "0" (default "true")`},
		{"tmpfs-size=x", "error: invalid value for tmpfs-size: x"},
		{"type=bind,bind-recursive=readonly", "error: option 'bind-recursive=readonly' requires 'readonly' to be specified in conjunction"},
	})
}

func TestNetworks(t *testing.T) {
	grammar(t, func(s string) (any, error) {
		var n Networks
		for _, v := range strings.Fields(s) {
			if err := n.Set(v); err != nil {
				return nil, err
			}
		}
		e, err := n.Endpoints()
		names := []string{}
		for k := range e {
			names = append(names, k)
		}
		return []any{n.Mode(), len(names)}, err
	}, [][2]string{
		{"", `["default",0]`}, {"host", `["host",0]`}, {"container:a", `["container:a",0]`}, {"a b", `["a",2]`}, {"name=a,alias=x", `["a",1]`},
		{"a host", "error: conflicting options: cannot attach both user-defined and non-user-defined network-modes"},
		{"a a", `error: network "a" is specified multiple times`},
		{"name=bridge,alias=x", "error: network-scoped aliases are only supported for user-defined networks"},
		{"alias=x", "error: network name/id is not specified"}, {"name=a,foo=b", "error: invalid field key foo"},
		{"name=a,mac-address=1", "error: 1 is not a valid mac address"}, {"name=a,gw-priority=x", "error: invalid gw-priority (x): invalid syntax"},
	})
}

func TestSmallGrammars(t *testing.T) {
	check := func(f func(string) (string, error), rows ...[2]string) {
		t.Helper()
		grammar(t, func(s string) (any, error) { return f(s) }, rows)
	}
	check(ExtraHost, [2]string{"a:1.2.3.4", `"a:1.2.3.4"`}, [2]string{"a=::1", `"a:::1"`}, [2]string{"a:[::1]", `"a:::1"`},
		[2]string{"a:host-gateway", `"a:host-gateway"`}, [2]string{"a", `error: bad format for add-host: "a"`},
		[2]string{"a:b", `error: invalid IP address in add-host: "b"`}, [2]string{":1.2.3.4", `error: bad format for add-host: ":1.2.3.4"`})
	check(Sysctl, [2]string{"net.x=1", `"net.x=1"`}, [2]string{"kernel.sem=1", `"kernel.sem=1"`}, [2]string{"kernel.x=1", "error: sysctl 'kernel.x=1' is not allowed"})
	check(DNSSearch, [2]string{".", `"."`}, [2]string{"a.b", `"a.b"`}, [2]string{"a.b.", `"a.b"`}, [2]string{"1.2", "error: 1.2 is not a valid domain"},
		[2]string{"a..b", "error: a..b is not a valid domain"}, [2]string{"-a", "error: -a is not a valid domain"})
	check(Label, [2]string{"a", `"a"`}, [2]string{"a=b c", `"a=b c"`}, [2]string{"=b", "error: invalid label '=b': empty name"}, [2]string{"a b=c", "error: label 'a b' contains whitespaces"})
	grammar(t, func(s string) (any, error) { return Device(s) }, [][2]string{
		{"/dev/a", `{"PathOnHost":"/dev/a","PathInContainer":"/dev/a","CgroupPermissions":"rwm"}`},
		{"/dev/a:rm", `{"PathOnHost":"/dev/a","PathInContainer":"/dev/a","CgroupPermissions":"rm"}`},
		{"/dev/a:/dev/b:r", `{"PathOnHost":"/dev/a","PathInContainer":"/dev/b","CgroupPermissions":"r"}`},
		{"/dev/a:/dev/b:rr", "error: bad mode specified: rr"}, {"a", "error: a is not an absolute path"}, {"", "error: bad format for path: "},
	})
}

func TestFilesOfVariablesAreReadLineByLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "env")
	look := func(k string) (string, bool) { return "value", k == "SET" }
	for content, want := range map[string]string{
		"A=1\nB=\n":           "A=1|B=",
		"\xef\xbb\xbfA=1\r\n": "A=1",
		"# x\n\n  A= b \n":    "A= b ",
		"SET\nUNSET\n":        "SET=value",
		"=x":                  "invalid env file (" + path + "): no variable name on line '=x'",
		"a b=c":               "invalid env file (" + path + "): variable 'a b' contains whitespaces",
		"A=\xff":              "invalid env file (" + path + "): invalid utf8 bytes at line 1: [65 61 255]",
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		pairs, err := ReadFiles([]string{path}, nil, look)
		got := strings.Join(pairs, "|")
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: %q, want %q", content, got, want)
		}
	}
	if got, err := ReadFiles(nil, []string{"X=1"}, nil); err != nil || !reflect.DeepEqual(got, []string{"X=1"}) {
		t.Errorf("%q %v", got, err)
	}
}

func TestTimesOfLogs(t *testing.T) {
	now := time.Unix(1000, 5)
	for in, want := range map[string]string{
		"": "", "10s": "990.000000005", "1970-01-01T00:01:00Z": "60.000000000", "1970-01-01T00:01:00.5+00:00": "60.500000000", "12": "12", "12.5": "12.5", "0": "0",
	} {
		if got, err := Timestamp(in, now); err != nil || got != want {
			t.Errorf("%q: %q %v", in, got, err)
		}
	}
	for _, in := range []string{"x", "1970-13-01", "12.x", "10 s"} {
		if got, err := Timestamp(in, now); err == nil {
			t.Errorf("%q is read as %q", in, got)
		}
	}
}
