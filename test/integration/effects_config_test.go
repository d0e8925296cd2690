//go:build linux

package integration

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"

	"berth/test/harness"
)

func configEffects() []effect {
	return []effect{
		{field: "Config.Hostname", body: `{"Hostname":"ship"}`, script: "hostname; echo $HOSTNAME; cat /etc/hostname", want: "ship\nship\nship"},
		{field: "Config.Domainname", body: `{"Hostname":"ship","Domainname":"at.sea"}`, script: "cat /proc/sys/kernel/domainname; tail -1 /etc/hosts | cut -f2", want: "at.sea\nship.at.sea ship"},
		{field: "Config.User", body: `{"User":"www"}`, script: "id", want: "uid=33(www) gid=33(www) groups=33(www),44(extra)"},
		{field: "Config.User,with a group", body: `{"User":"33:extra"}`, script: "id", want: "uid=33(www) gid=44(extra) groups=44(extra)"},
		{field: "Config.User,numbers that nobody has", body: `{"User":"1234:5678"}`, script: "id; echo $HOME", want: "uid=1234 gid=5678 groups=5678\n/"},
		{field: "Config.User,a group alone", body: `{"User":":44"}`, script: "id", want: "uid=0(root) gid=44(extra) groups=44(extra)"},
		{field: "Config.Env", body: `{"Env":["A=b=c","G=","HOME"]}`, script: `echo "$A|$(env | grep -c '^G=$')|$HOME"`, want: "b=c|1|/root"},
		{field: "Config.Cmd", body: `{"Cmd":["echo","a b","c"]}`, want: "a b c"},
		{field: "Config.Entrypoint", body: `{"Entrypoint":["echo","first"],"Cmd":["second"]}`, want: "first second"},
		{field: "Config.Image", body: `{"Image":"berth/hello","Cmd":["echo","from another"]}`, want: "from another"},
		{field: "Config.WorkingDir", body: `{"WorkingDir":"/made/../for/it"}`, script: "pwd", want: "/for/it"},
		{field: "Config.Tty", body: `{"Tty":true}`, script: "test -t 0 && test -t 1 && test -t 2 && tty; echo $TERM", want: "/dev/pts/0\nxterm"},
		{field: "Config.Volumes", body: `{"Volumes":{"/v/":{}}}`, script: "mounted /v | cut -c1-2", want: "rw"},
		{field: "Config.NetworkDisabled", body: `{"NetworkDisabled":true}`, script: "ls /sys/class/net", want: "lo"},
		{field: "HostConfig.ConsoleSize", body: `{"Tty":true,"HostConfig":{"ConsoleSize":[41,101]}}`, script: "stty size", want: "41 101"},
		{field: "HostConfig.Runtime", body: host(`"Runtime":"runc"`), script: "echo own", want: "own"},
	}
}

func networkEffects() []effect {
	return []effect{
		{field: "HostConfig.NetworkMode", body: host(`"NetworkMode":"none"`), script: "ls /sys/class/net", want: "lo"},
		{field: "HostConfig.NetworkMode,default", body: host(`"NetworkMode":"default"`), script: "ls /sys/class/net", want: "eth0\nlo"},
		{field: "HostConfig.Dns", body: host(`"Dns":["1.1.1.1","2001:db8::1"]`), script: "grep nameserver /etc/resolv.conf", want: "nameserver 1.1.1.1\nnameserver 2001:db8::1"},
		{field: "HostConfig.DnsOptions", body: host(`"DnsOptions":["ndots:2","timeout:1"]`), script: "grep options /etc/resolv.conf", want: "options ndots:2 timeout:1"},
		{field: "HostConfig.DnsSearch", body: host(`"DnsSearch":["a.b","c.d"]`), script: "grep search /etc/resolv.conf", want: "search a.b c.d"},
		{field: "HostConfig.DnsSearch,none", body: host(`"DnsSearch":["."]`), script: "grep -c search /etc/resolv.conf", want: "0"},
		{field: "HostConfig.ExtraHosts", body: host(`"ExtraHosts":["one:1.2.3.4","six:[2001:db8::1]"]`), script: "grep -E 'one|six' /etc/hosts", want: "1.2.3.4\tone\n2001:db8::1\tsix"},
		{field: "HostConfig.ExtraHosts,the gateway", body: host(`"ExtraHosts":["host:host-gateway"]`), script: "test $(grep -E 'host$' /etc/hosts | grep -v local | cut -f1) = $(ip route | grep default | cut -d' ' -f3) && echo gateway", want: "gateway"},
		{field: "Config.MacAddress", body: `{"MacAddress":"02:42:0A:00:00:99"}`, script: "cat /sys/class/net/eth0/address", want: "02:42:0a:00:00:99"},
		{field: "NetworkingConfig.EndpointsConfig.MacAddress", body: `{"NetworkingConfig":{"EndpointsConfig":{"bridge":{"MacAddress":"02:42:0a:00:00:98"}}}}`, script: "cat /sys/class/net/eth0/address", want: "02:42:0a:00:00:98"},
		{field: "NetworkingConfig.EndpointsConfig.GwPriority", body: `{"NetworkingConfig":{"EndpointsConfig":{"bridge":{"GwPriority":5}}}}`, script: "ip route | grep -c default", want: "1"},
	}
}

// TestPortsAreExposedAndPublishedAsTheRequestSays is about ExposedPorts, PortBindings and PublishAllPorts.
func TestPortsAreExposedAndPublishedAsTheRequestSays(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	d.Busybox()
	c := d.Client(t, "berth")
	port := strconv.Itoa(d.Port(2))
	id := create(t, d, `{"ExposedPorts":{"81/tcp":{}},"HostConfig":{"PublishAllPorts":true,"PortBindings":{"80/tcp":[{"HostIp":"127.0.0.1","HostPort":"`+port+`"}]}}}`,
		"nc -l -p 80 -e echo eighty & nc -l -p 81 -e echo more; wait")
	started(t, d, id)
	ask := func(address string) (got string) {
		harness.Eventually(t, address+" answers", func() error {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				return err
			}
			defer conn.Close()
			buf := make([]byte, 10)
			n, err := conn.Read(buf)
			got = strings.TrimSpace(string(buf[:n]))
			return err
		})
		return got
	}
	if got := ask("127.0.0.1:" + port); got != "eighty" {
		t.Errorf("the published port says %q", got)
	}
	any := c.Must("inspect", "-f", `{{(index (index .NetworkSettings.Ports "81/tcp") 0).HostPort}}`, id)
	if got := ask("127.0.0.1:" + any); got != "more" {
		t.Errorf("the exposed port says %q", got)
	}
	c.Must("rm", "-f", id)
	// Of a range the first free one is taken; SCTP is published without a socket that holds the port.
	first, last := d.Port(3), d.Port(4)
	spread := fmt.Sprintf(`{"HostConfig":{"PortBindings":{"80/tcp":[{"HostPort":"%d-%d"}],"80/sctp":[{"HostPort":"%d-%d"}]}}}`, first, last, first, last)
	for i := range 2 {
		id := create(t, d, spread, "sleep 1000")
		defer removed(t, d, id)
		started(t, d, id)
		c.Prints(fmt.Sprintf("%d %d", first+i, first+i), "inspect", "-f", `{{(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort}} {{(index (index .NetworkSettings.Ports "80/sctp") 0).HostPort}}`, id)
		c.Prints(fmt.Sprintf("%d-%d", first, last), "inspect", "-f", `{{(index (index .HostConfig.PortBindings "80/tcp") 0).HostPort}}`, id)
	}
	if got := refused(t, d, spread); !strings.Contains(got, "port is already allocated") {
		t.Errorf("no port is left: %s", got)
	}
}

// TestWhatSaysSomethingOfAContainerIsShown is about fields that decide nothing inside: they are kept.
func TestWhatSaysSomethingOfAContainerIsShown(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	d.Busybox()
	id := create(t, d, `{"Labels":{"a":"b"},"AttachStdin":true,"AttachStdout":true,"AttachStderr":true,"OpenStdin":true,"StdinOnce":true,"OnBuild":["RUN x"],"Shell":["/bin/ash"],
		"StopSignal":"SIGUSR1","StopTimeout":7,"ArgsEscaped":true,"HostConfig":{"ContainerIDFile":"/cid","Annotations":{"c":"d"},"Isolation":"default","VolumeDriver":"local","AutoRemove":true}}`, "true")
	c := d.Client(t, "berth")
	for format, want := range map[string]string{
		"{{.Config.Labels}}": "map[a:b]", "{{.Config.AttachStdin}}{{.Config.AttachStdout}}{{.Config.AttachStderr}}{{.Config.OpenStdin}}{{.Config.StdinOnce}}": "truetruetruetruetrue",
		"{{.Config.OnBuild}}{{.Config.Shell}}": "[RUN x][/bin/ash]", "{{.Config.StopSignal}} {{json .Config.StopTimeout}}": "SIGUSR1 7",
		"{{.HostConfig.ContainerIDFile}} {{.HostConfig.Annotations}} {{.HostConfig.Isolation}} {{.HostConfig.VolumeDriver}} {{.HostConfig.AutoRemove}}": "/cid map[c:d] default local true",
	} {
		c.Prints(want, "inspect", "-f", format, id)
	}
	c.Must("rm", id)
}
