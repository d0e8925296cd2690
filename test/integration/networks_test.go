//go:build linux

package integration

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"berth/test/harness"

	"github.com/moby/moby/api/types/network"
)

// networksOf are a container's networks as inspect shows them.
func networksOf(t *testing.T, d *harness.Daemon, name string) map[string]*network.EndpointSettings {
	t.Helper()
	all := map[string]*network.EndpointSettings{}
	shown := d.Docker("inspect", "-f", "{{json .NetworkSettings.Networks}}", name)
	if err := json.Unmarshal([]byte(shown.Stdout), &all); err != nil {
		t.Fatal(shown, err)
	}
	return all
}

// subnet is one that no other daemon of the tests has.
func subnet(d *harness.Daemon, n int) string {
	parts := strings.Split(d.Gateway(), ".")
	return fmt.Sprintf("10.%d.%s.", 214+n, parts[2])
}

func TestAContainerHasTheAddressesThatItAskedFor(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	c := d.Client(t, "docker")
	one, two := subnet(d, 0), subnet(d, 1)
	c.Must("network", "create", "--subnet", one+"0/24", "--ip-range", one+"64/26", "--gateway", one+"3", "--aux-address", "host="+one+"64", "one")
	c.Must("network", "create", "--subnet", two+"0/24", "two")
	c.Must("run", "-d", "--name", "both", "--network", "name=one,alias=db,ip="+one+"9,mac-address=02:00:00:00:00:09", "--network", "name=two,gw-priority=7", busybox, "sleep", "1000")
	on := networksOf(t, d, "both")
	if e := on["one"]; e == nil || e.IPAddress.String() != one+"9" || e.MacAddress.String() != "02:00:00:00:00:09" || e.Gateway.String() != one+"3" ||
		strings.Join(e.Aliases, " ") != "db" || !strings.HasPrefix(strings.Join(e.DNSNames, " "), "both db ") {
		t.Errorf("on one: %+v", e)
	}
	if e := on["two"]; e == nil || e.IPAddress.String() != two+"2" || e.GwPriority != 7 {
		t.Errorf("on two: %+v", e)
	}
	c.Prints(two+"1", "exec", "both", "sh", "-c", "ip route | grep ^default | cut -d' ' -f3")
	c.Prints("eth0 eth1 lo", "exec", "both", "sh", "-c", "echo $(ls /sys/class/net)")
	c.Must("run", "--rm", "--network", "one", busybox, "sh", "-c", "ping -c1 -W5 "+one+"9 && ip addr show eth0 | grep -q "+one+"65/24")
	c.Fails(125, "Address already in use", "run", "--rm", "--network", "one", "--ip", one+"9", busybox, "true")
	c.Fails(125, "no configured subnet contains IP address 10.1.2.3", "run", "--rm", "--network", "one", "--ip", "10.1.2.3", busybox, "true")
	c.Must("restart", "-t", "0", "both")
	if e := networksOf(t, d, "both")["one"]; e == nil || e.IPAddress.String() != one+"9" {
		t.Errorf("after a restart: %+v", e)
	}
	c.Fails(1, "has active endpoints", "network", "rm", "one")
	c.Must("rm", "-f", "both")
	c.Must("network", "rm", "one", "two")
}

func TestNetworksAndWhatRunsOnThemOutliveAKilledDaemon(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	c := d.Client(t, "docker")
	prefix := subnet(d, 0)
	c.Must("network", "create", "--subnet", prefix+"0/24", "--label", "a=b", "kept")
	port := fmt.Sprint(d.Port(0))
	c.Must("run", "-d", "--name", "server", "--network", "kept", "--ip", prefix+"9", "-p", "127.0.0.1:"+port+":80", busybox,
		"sh", "-c", "mkdir /w; echo hello > /w/index.html; exec httpd -f -h /w")
	fetch := func() error {
		r, err := http.Get("http://127.0.0.1:" + port + "/")
		if err != nil {
			return err
		}
		defer r.Body.Close()
		if text, err := io.ReadAll(r.Body); err != nil || string(text) != "hello\n" {
			return fmt.Errorf("%q %v", text, err)
		}
		return nil
	}
	harness.Eventually(t, "it serves", fetch)
	d.Kill9()
	if err := fetch(); err != nil {
		t.Errorf("without a daemon: %v", err)
	}
	d.StartAgain()
	if err := fetch(); err != nil {
		t.Errorf("with the next daemon: %v", err)
	}
	c.Prints("b "+prefix+"0/24", "network", "inspect", "-f", "{{.Labels.a}} {{(index .IPAM.Config 0).Subnet}}", "kept")
	c.Must("run", "--rm", "--network", "kept", busybox, "wget", "-qO-", "http://"+prefix+"9/")
	c.Fails(125, "port is already allocated", "run", "--rm", "-p", "127.0.0.1:"+port+":80", busybox, "true")
	c.Must("rm", "-f", "server")
	c.Must("run", "--rm", "--network", "kept", "-p", "127.0.0.1:"+port+":80", busybox, "true")
	c.Must("network", "rm", "kept")
	c.Fails(1, "network kept not found", "network", "inspect", "kept")
	d.Kill9()
	d.StartAgain()
	c.Fails(1, "network kept not found", "network", "inspect", "kept")
}

func TestNetworksAreListedFilteredAndPruned(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	c := d.Client(t, "docker")
	c.Must("network", "create", "--label", "tier=front", "front")
	c.Must("network", "create", "--internal", "back")
	c.Must("create", "--name", "stopped", "--network", "front", busybox, "true")
	c.Must("run", "-d", "--name", "up", "--network", "back", busybox, "sleep", "1000")
	for filter, want := range map[string]string{
		"type=builtin": "bridge\nhost\nnone", "type=custom": "back\nfront", "label=tier=front": "front", "driver=null": "none", "name=ro": "front", "dangling=true": "front",
	} {
		c.Prints(want, "network", "ls", "--format", "{{.Name}}", "--filter", filter)
	}
	c.Fails(1, "network with name front already exists", "network", "create", "front")
	c.Fails(1, "bridge is a pre-defined network and cannot be removed", "network", "rm", "bridge")
	c.Fails(1, "operation is not permitted on predefined host network", "network", "create", "host")
	c.Prints("Deleted Networks:\nfront", "network", "prune", "-f")
	c.Fails(1, "network front not found", "start", "stopped")
	c.Must("rm", "-f", "up", "stopped")
	c.Must("network", "rm", "back")
}

func TestARunningContainerIsConnectedAndDisconnected(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	c := d.Client(t, "berth")
	one, two := subnet(d, 0), subnet(d, 1)
	c.Must("network", "create", "--subnet", one+"0/24", "one")
	c.Must("network", "create", "--subnet", two+"0/24", "--internal", "two")
	c.Must("run", "-d", "--name", "app", busybox, "sleep", "1000")
	c.Must("network", "connect", "--ip", one+"9", "--gw-priority", "1", "one", "app")
	c.Must("network", "connect", "--alias", "a", "two", "app")
	c.Fails(1, "already exists in network one", "network", "connect", "one", "app")
	c.Prints("eth0 eth1 eth2 lo", "exec", "app", "sh", "-c", "echo $(ls /sys/class/net)")
	c.Prints(one+"1", "exec", "app", "sh", "-c", "ip route | grep ^default | cut -d' ' -f3")
	c.Must("run", "--rm", "--network", "one", busybox, "ping", "-c1", "-W5", one+"9")
	d.Kill9()
	d.StartAgain()
	c.Prints("bridge one two", "inspect", "-f", `{{range $k, $v := .NetworkSettings.Networks}}{{if $v.IPAddress}}{{$k}} {{end}}{{end}}`, "app")
	c.Must("run", "--rm", "--network", "two", busybox, "ping", "-c1", "-W5", two+"2")
	c.Must("network", "disconnect", "one", "app")
	c.Prints(d.Gateway(), "exec", "app", "sh", "-c", "ip route | grep ^default | cut -d' ' -f3")
	c.Prints("eth0 eth2 lo", "exec", "app", "sh", "-c", "echo $(ls /sys/class/net)")
	c.Must("network", "connect", "one", "app")
	c.Prints("eth0 eth1 eth2 lo", "exec", "app", "sh", "-c", "echo $(ls /sys/class/net)")
	c.Must("network", "disconnect", "one", "app")
	c.Must("network", "disconnect", "bridge", "app")
	c.Must("restart", "-t", "0", "app")
	c.Prints("eth0 lo", "exec", "app", "sh", "-c", "echo $(ls /sys/class/net)")
	c.Prints("1", "exec", "app", "sh", "-c", "grep -c '^"+two+"' /etc/hosts")
	c.Must("stop", "-t", "0", "app")
	c.Must("network", "disconnect", "two", "app")
	c.Must("start", "app")
	c.Prints("lo", "exec", "app", "sh", "-c", "echo $(ls /sys/class/net)")
	c.Must("rm", "-f", "app")
	c.Must("network", "rm", "one", "two")
}
