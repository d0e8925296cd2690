//go:build linux

package integration

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"berth/test/harness"
)

// senseless are requests that Docker refuses too, at the create or at the start.
func senseless() []string {
	with := func(fields string) string { return `{` + fields + `,"HostConfig":{"NetworkMode":"none"}}` }
	none := func(fields string) string { return host(`"NetworkMode":"none",%s`, fields) }
	mount := func(fields string) string { return host(`"NetworkMode":"none","Mounts":[{%s}]`, fields) }
	return []string{
		none(`"Memory":1`), none(`"Memory":-1`), none(`"MemorySwap":67108864`), none(`"Memory":67108864,"MemorySwap":33554432`),
		none(`"MemoryReservation":1`), none(`"Memory":67108864,"MemoryReservation":134217728`), none(`"MemorySwappiness":101`), none(`"MemorySwappiness":-2`),
		none(`"NanoCpus":-1`), none(`"NanoCpus":900000000000`), none(`"NanoCpus":1000000000,"CpuPeriod":100000`), none(`"NanoCpus":1000000000,"CpuQuota":100000`),
		none(`"CpuPeriod":1`), none(`"CpuPeriod":1000001`), none(`"CpuQuota":1`), none(`"CpuRealtimePeriod":1000,"CpuRealtimeRuntime":2000`),
		none(`"CpusetCpus":"4000"`), none(`"CpusetCpus":"x"`), none(`"CpusetCpus":"0-"`), none(`"CpusetCpus":"1-0"`), none(`"CpusetCpus":"0-9999"`), none(`"CpusetCpus":"0,,1"`),
		none(`"CpusetMems":"900"`), none(`"CpusetMems":"x"`),
		none(`"BlkioDeviceReadBps":[{"Path":"/dev/no-such","Rate":1}]`), none(`"BlkioDeviceWriteIOps":[{"Path":"relative","Rate":1}]`),
		none(`"Devices":[{"PathOnHost":"/dev/no-such","PathInContainer":"/dev/x","CgroupPermissions":"rwm"}]`),
		none(`"Devices":[{"PathOnHost":"/etc/passwd","PathInContainer":"/dev/x","CgroupPermissions":"rwm"}]`),
		none(`"DeviceCgroupRules":["x 1:1 r"]`), none(`"DeviceCgroupRules":["c 1:1"]`), none(`"DeviceCgroupRules":["c a:b r"]`), none(`"DeviceCgroupRules":["c 1:1 rwmx"]`),
		none(`"DeviceRequests":[{"Count":-1,"Capabilities":[["gpu"]]}]`), none(`"DeviceRequests":[{"Driver":"nope","Count":1}]`),
		none(`"OomScoreAdj":1001`), none(`"OomScoreAdj":-1001`), none(`"ShmSize":-1`),
		none(`"CapAdd":["bogus"]`), none(`"CapAdd":[""]`), none(`"CapDrop":["bogus"]`),
		none(`"SecurityOpt":["bogus"]`), none(`"SecurityOpt":["bogus=1"]`), none(`"SecurityOpt":["label"]`), none(`"SecurityOpt":["seccomp"]`), none(`"SecurityOpt":["no-new-privileges:x"]`),
		none(`"SecurityOpt":["seccomp={bad"]`), none(`"SecurityOpt":["seccomp=/no/such"]`),
		none(`"Tmpfs":{"t":""}`), none(`"Tmpfs":{"/":""}`), none(`"Tmpfs":{"/t":"bogus"}`),
		none(`"PidMode":"container:nope"`), none(`"IpcMode":"container:nope"`), none(`"CgroupnsMode":"bogus"`),
		none(`"GroupAdd":["-1"]`), none(`"GroupAdd":["99999999999"]`),
		none(`"StorageOpt":{"x":"10G"}`), none(`"Links":["a:b:c"]`), none(`"VolumesFrom":["nope"]`), none(`"VolumesFrom":["nope:q"]`), none(`"VolumesFrom":[""]`),
		none(`"Isolation":"hyperv"`), none(`"IOMaximumIOps":1`), none(`"IOMaximumBandwidth":1`),
		none(`"ExtraHosts":["a"]`), none(`"ExtraHosts":["a:"]`), none(`"ExtraHosts":["a:b"]`), none(`"ExtraHosts":[":1.2.3.4"]`),
		none(`"Binds":["/etc:/b:bogus"]`), none(`"Binds":["/etc:/b:ro,rw"]`), none(`"Binds":["/etc:/b:nocopy"]`), none(`"Binds":["vol:/b:rshared"]`), none(`"Binds":["a"]`), none(`"Binds":["a:b"]`),
		none(`"Binds":["::"]`), none(`"Binds":["/a:"]`), none(`"Binds":["/a:/b:ro:x"]`), none(`"Binds":[".:/b"]`), none(`"Binds":["/etc:/"]`), none(`"Binds":["/etc:/.."]`), none(`"Binds":["a/b:/c"]`), none(`"Binds":["x:/c"]`),
		mount(`"Type":"bind","Source":"/no-such","Target":"/b"`), mount(`"Type":"bind","Source":"/etc","Target":"/b","BindOptions":{"Propagation":"x"}`),
		mount(`"Type":"bind","Source":"/etc","Target":"/b","VolumeOptions":{}`), mount(`"Type":"volume","Target":"/b","BindOptions":{}`),
		mount(`"Source":"/etc","Target":"/b"`), mount(`"Type":"x","Target":"/b"`), mount(`"Type":"npipe","Source":"x","Target":"/b"`),
		mount(`"Type":"volume","Target":"/b","ReadOnly":true`), mount(`"Type":"volume","Source":"/x","Target":"/b"`), mount(`"Type":"tmpfs","Source":"x","Target":"/b"`),
		mount(`"Type":"volume","Source":"vol","Target":"/b","VolumeOptions":{"DriverConfig":{"Name":"nope"}}`),
		mount(`"Type":"tmpfs","Target":"b"`), mount(`"Type":"tmpfs","Target":""`), mount(`"Type":"tmpfs","Target":"/"`),
		none(`"Binds":["/etc:/b"],"Mounts":[{"Type":"tmpfs","Target":"/b"}]`), none(`"Binds":["/etc:/b"],"Tmpfs":{"/b":""}`),
		host(`"NetworkMode":"container:"`), host(`"NetworkMode":"container:nope","Dns":["1.1.1.1"]`), host(`"NetworkMode":"container:nope","ExtraHosts":["a:1.1.1.1"]`),
		host(`"NetworkMode":"container:nope","PublishAllPorts":true`), host(`"NetworkMode":"container:nope","Links":["a:b"]`), host(`"NetworkMode":"host","Links":["a:b"]`),
		`{"Hostname":"a","HostConfig":{"NetworkMode":"container:nope"}}`, `{"MacAddress":"02:42:ac:11:00:09","HostConfig":{"NetworkMode":"container:nope"}}`,
		`{"MacAddress":"02:42:ac:11:00:09","HostConfig":{"NetworkMode":"host"}}`, `{"ExposedPorts":{"80/tcp":{}},"HostConfig":{"NetworkMode":"container:nope"}}`,
		`{"Hostname":"a","HostConfig":{"NetworkMode":"none","UTSMode":"host"}}`,
		`{"NetworkingConfig":{"EndpointsConfig":{"bridge":{"IPAMConfig":{"IPv4Address":"10.77.0.55"}}}}}`, `{"NetworkingConfig":{"EndpointsConfig":{"bridge":{"Aliases":["x"]}}}}`,
		`{"NetworkingConfig":{"EndpointsConfig":{"bridge":{},"none":{}}}}`, host(`"PortBindings":{"80/tcp":[{"HostPort":"x"}]}`), host(`"PortBindings":{"80/tcp":[{"HostPort":"99999"}]}`),
		`{"MacAddress":"xx"}`, with(`"User":"33:nope"`), with(`"User":"nope"`), with(`"User":"99999999999"`), with(`"User":"-1"`), with(`"User":"1000:0x5"`),
		with(`"Env":[""]`), with(`"Env":["=x"]`), with(`"WorkingDir":"rel"`),
	}
}

// TestWhatDockerRefusesIsRefusedInItsWords asks both daemons for what makes no sense. When it is
// refused may differ, ours being earlier; the words may not.
func TestWhatDockerRefusesIsRefusedInItsWords(t *testing.T) {
	t.Parallel()
	docker, d := harness.StartDockerd(t), harness.Start(t)
	d.Busybox()
	for _, body := range senseless() {
		want, got := refusal(t, docker.HTTP(), body), refusal(t, d.HTTP(), body)
		want = strings.Replace(want, "network endpoints: none, bridge", "network endpoints: bridge, none", 1) // Docker has them in any order
		if want == "" || got != want {
			t.Errorf("%s\n got %q\nwant %q", body, got, want)
		}
	}
}

// refusal is a daemon's error for a body, or "".
func refusal(t *testing.T, c *http.Client, body string) string {
	t.Helper()
	all := map[string]any{"Image": "busybox", "Cmd": []string{"true"}}
	unmarshal(t, []byte(body), &all)
	text, err := json.Marshal(all)
	must(t, err)
	ask := func(method, path string, text []byte) (answer struct{ ID, Message string }) {
		q, err := http.NewRequestWithContext(t.Context(), method, "http://docker/v1.41"+path, bytes.NewReader(text))
		must(t, err)
		q.Header.Set("Content-Type", "application/json")
		resp, err := c.Do(q)
		must(t, err)
		defer resp.Body.Close()
		_ = json.NewDecoder(resp.Body).Decode(&answer) // a start that succeeds has no body
		return answer
	}
	made := ask(http.MethodPost, "/containers/create", text)
	if made.ID == "" {
		return made.Message
	}
	defer ask(http.MethodDelete, "/containers/"+made.ID+"?force=1&v=1", nil)
	return ask(http.MethodPost, "/containers/"+made.ID+"/start", nil).Message
}
