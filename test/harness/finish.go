//go:build linux

package harness

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

// finish is the end of every daemon's test: containers are removed, and nothing
// of them may be left in the living daemon; it is stopped, and nothing of it
// may be left on the host.
func (d *Daemon) finish() {
	failed := d.t.Failed()
	if failed {
		d.t.Logf("the host, before anything is removed:\n%s", d.state())
	}
	var found []error
	if d.Pid() == 0 {
		found = append(found, d.launch())
	}
	if d.Pid() != 0 {
		found = append(found, d.removeAll(), settle("with all containers removed", d.ofContainers))
	}
	ports := d.bridgePorts()
	found = append(found, d.end(unix.SIGTERM))
	d.dismissKeeper()
	found = append(found, settle("with the daemon and its keeper gone", func() []string {
		return append(d.onHost(), linksOf(ports)...)
	}))
	if err := errors.Join(found...); err != nil {
		d.t.Errorf("something stays behind: %v", err)
	}
	if d.t.Failed() {
		d.t.Logf("the daemon's log:\n%s", d.Log())
		if !failed { // so that somebody can look at what stayed
			d.t.Logf("processes of the daemon: %s", strings.Join(d.processes(), ", "))
		}
	}
	if err := d.sweep(); err != nil {
		d.t.Errorf("remove the test's directory: %v", err)
	}
	d.lane.free()
}

// settle waits until look finds nothing.
func settle(when string, look func() []string) error {
	return within(Patience, func() error {
		if left := look(); len(left) > 0 {
			return fmt.Errorf("%s there is still\n\t%s", when, strings.Join(left, "\n\t"))
		}
		return nil
	})
}

// removeAll removes every container with its anonymous volumes.
func (d Place) removeAll() error {
	body, err := d.request(http.MethodGet, "/containers/json?all=1")
	if err != nil {
		return err
	}
	var all []struct{ ID string }
	if err := json.Unmarshal(body, &all); err != nil {
		return err
	}
	var errs []error
	for _, c := range all {
		_, err := d.request(http.MethodDelete, "/containers/"+c.ID+"?force=1&v=1")
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (d Place) request(method, path string) ([]byte, error) {
	req, err := http.NewRequest(method, "http://berth"+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := d.HTTP().Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= 400 && resp.StatusCode != http.StatusNotFound { // an AutoRemove came first
		err = fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, bytes.TrimSpace(b))
	}
	return b, err
}

// state is what a failure may be explained by.
func (d Traces) state() string {
	var all strings.Builder
	if body, err := d.request(http.MethodGet, "/containers/json?all=1"); err == nil {
		fmt.Fprintf(&all, "containers: %s\n", bytes.TrimSpace(body))
	}
	for _, line := range []string{"ip -br link show master " + d.Bridge(), "ip -br addr show " + d.Bridge(), "ip neigh show dev " + d.Bridge(), "nft list table ip berth_" + d.Bridge()} {
		words := strings.Fields(line)
		out, err := exec.Command(words[0], words[1:]...).CombinedOutput()
		fmt.Fprintf(&all, "%s (%v):\n%s", line, err, out)
	}
	for _, pid := range d.processes() {
		line, _ := os.ReadFile("/proc/" + pid + "/cmdline")
		ns, _ := os.Readlink("/proc/" + pid + "/ns/net")
		fmt.Fprintf(&all, "process %s %s: %q\n", pid, ns, line)
		if role(pid) != "berthd" && role(pid) != "berth-keeper" {
			out, err := exec.Command("nsenter", "-n", "-t", pid, "ip", "addr").CombinedOutput()
			fmt.Fprintf(&all, "%s(%v)\n", out, err)
		}
	}
	return all.String()
}

// dismissKeeper asks the keeper to go at once: it would go by itself a few
// seconds later. It refuses while it has a process to watch.
func (d Traces) dismissKeeper() {
	if pid := d.KeeperPid(); pid != 0 {
		_ = unix.Kill(pid, unix.SIGTERM)
	}
}
