//go:build linux

package integration

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/test/harness"
)

// sandboxes waits until so many wait.
func sandboxes(t *testing.T, d *harness.Daemon, n int) {
	t.Helper()
	harness.Eventually(t, "sandboxes", func() error {
		if got := d.Sandboxes(); len(got) < n {
			return fmt.Errorf("%d wait", len(got))
		}
		return nil
	})
}

// demanded waits until n sandboxes wait, and starts a container from time to time: one that could not be made
// while an address was short is tried again when the next is wanted.
func demanded(t *testing.T, d *harness.Daemon, busybox string, n int) {
	t.Helper()
	last := time.Now()
	harness.Eventually(t, "sandboxes", func() error {
		got := len(d.Sandboxes())
		if got >= n {
			return nil
		}
		if time.Since(last) > time.Second {
			d.Client(t, "berth").Must("run", "--rm", busybox, "true")
			last = time.Now()
		}
		return fmt.Errorf("%d wait", got)
	})
}

// small gives the daemon a bridge with five addresses for containers.
func small(d *harness.Daemon) { harness.WithArgs("--bip", d.Gateway()+"/29")(d) }

func TestAddressesAreGivenOutInTheOrderOfTheStarts(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]string{"without sandboxes": "0", "with sandboxes": "3"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := harness.Start(t, harness.WithArgs("--warm-sandboxes", size))
			busybox := d.Busybox()
			c := d.Client(t, "berth")
			var got, want []string
			for i, flags := range [][]string{nil, {"--privileged"}, nil, {"--cgroupns", "host"}, {"-v", "/tmp:/dev/x"}, nil} {
				if i > 0 && size != "0" {
					sandboxes(t, d, 2)
				}
				id := c.Must(slices.Concat([]string{"run", "-d"}, flags, []string{busybox, "sleep", "1000"})...)
				got = append(got, c.Must("inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", id))
				want = append(want, strings.TrimSuffix(d.Gateway(), "1")+fmt.Sprint(2+i))
			}
			if !slices.Equal(got, want) {
				t.Errorf("addresses are %v, want %v", got, want)
			}
		})
	}
}

func TestSandboxesTakeNoAddressFromAContainer(t *testing.T) {
	t.Parallel()
	d := harness.Start(t, small)
	busybox := d.Busybox()
	c := d.Client(t, "berth")
	c.Must("run", "--rm", busybox, "true")
	sandboxes(t, d, 2)
	aside := c.Must("create", busybox, "sleep", "1000") // has a sandbox of its own, and an address
	if !slices.Contains(d.Sandboxes(), aside) {
		t.Error("the container that was created has no sandbox")
	}
	var all []string
	for i := range 5 {
		flags := []string{"run", "-d"}
		if i%2 == 0 {
			flags = append(flags, "--privileged")
		}
		all = append(all, c.Must(append(flags, busybox, "sleep", "1000")...))
	}
	c.Fails(125, "no available IPv4 addresses", "run", "--rm", busybox, "true")
	c.Must("rm", "-f", all[3])
	c.Must("start", aside)
	c.Must("rm", "-f", all[4])
	for range 5 { // each in the last address that there is, which is given back just before
		c.Must("run", "--rm", busybox, "true")
		c.Must("run", "--rm", "--privileged", busybox, "true")
	}
}

func TestAnotherNumberOfSandboxesHoldsFromTheNextDaemonOn(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	c := d.Client(t, "berth")
	c.Must("run", "-d", busybox, "sleep", "1000")
	sandboxes(t, d, 3)
	created := c.Must("create", busybox, "sh", "-c", "exit 7")
	d.Kill9()
	harness.WithArgs("--warm-sandboxes", "0")(d)
	d.StartAgain()
	c.Must("run", "-d", busybox, "sleep", "1000")
	if r := c.Run("start", "-a", created); r.Code != 7 {
		t.Errorf("a container whose sandbox is gone: %+v", r)
	}
	harness.Eventually(t, "none waits", func() error {
		if n := len(d.Sandboxes()); n > 0 {
			return fmt.Errorf("%d wait", n)
		}
		return nil
	})
	d.Stop()
	harness.WithArgs("--warm-sandboxes", "1")(d)
	d.StartAgain()
	c.Must("run", "-d", busybox, "sleep", "1000")
	sandboxes(t, d, 1)
	harness.Eventually(t, "it is told and counted", func() error {
		if text := c.Must("info"); !strings.Contains(text, "warm sandboxes: 1, ") || strings.Contains(text, "1, 0 KiB") {
			return errors.New(text)
		}
		return nil
	})
}

func TestAStartThatFailsKeepsNoAddress(t *testing.T) {
	t.Parallel()
	d := harness.Start(t, small)
	busybox := d.Busybox()
	c := d.Client(t, "berth")
	port := fmt.Sprint(d.Port(0))
	first := c.Must("run", "-d", "-p", port+":80", busybox, "sleep", "1000")
	for i := range 8 {
		if i%3 == 0 {
			demanded(t, d, busybox, 2)
		}
		c.Fails(127, "no such file", "run", "--rm", busybox, "/no/such/program")
		c.Fails(125, "port is already allocated", "run", "--rm", "-p", port+":80", busybox, "true")
		c.Fails(125, "", "run", "--rm", "--mac-address", "nonsense", busybox, "true")
		c.Must("rm", c.Must("create", busybox, "true"))
	}
	all := []string{first}
	for range 4 {
		all = append(all, c.Must("run", "-d", busybox, "sleep", "1000"))
	}
	c.Fails(125, "no available IPv4 addresses", "run", "--rm", busybox, "true")
	c.Must(append([]string{"rm", "-f"}, all...)...)
	for range 5 {
		c.Must("run", "-d", busybox, "sleep", "1000")
	}
}
