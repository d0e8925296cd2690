//go:build linux

package harness

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
)

// Place is where a daemon is: its directories, its socket and its names on the
// host.
type Place struct {
	lane lane
	dir  string // short: a socket's path has 107 bytes at most
	data string
}

// Socket is the path of the API's socket.
func (d Place) Socket() string { return filepath.Join(d.dir, "b.sock") }

// ExecRoot is the daemon's exec root.
func (d Place) ExecRoot() string { return filepath.Join(d.dir, "exec") }

// DataRoot is the daemon's data root.
func (d Place) DataRoot() string { return d.data }

// Bridge is the name of the daemon's default bridge.
func (d Place) Bridge() string { return d.lane.bridge() }

// Gateway is the host's address on the default bridge.
func (d Place) Gateway() string { return fmt.Sprintf("10.213.%d.1", d.lane.number) }

// Port is the i-th (0 to 19) host port that no other test publishes.
func (d Place) Port(i int) int { return d.lane.port(i) }

// CgroupParent is the control group that the containers' groups are in.
func (d Place) CgroupParent() string { return d.lane.cgroup() }

func (d Place) configDir() string { return filepath.Join(d.dir, "home") }
func (d Place) logPath() string   { return filepath.Join(d.dir, "berthd.log") }

// Dir is the directory that everything of this daemon is in.
func (d Place) Dir() string { return d.dir }

func (d Place) ping() error {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://berth/_ping", nil)
	if err != nil {
		return err
	}
	resp, err := d.HTTP().Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if b, err := io.ReadAll(resp.Body); err != nil || !bytes.Equal(b, []byte("OK")) {
		return fmt.Errorf("/_ping answered %q (%v)", b, err)
	}
	return nil
}

// HTTP is a client whose every request goes to the daemon's socket.
func (d Place) HTTP() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", d.Socket())
		},
	}}
}

// Log is what berthd and the keeper have written so far.
func (d Place) Log() string {
	var all string
	for _, path := range []string{d.logPath(), filepath.Join(d.ExecRoot(), "keeper.log")} {
		b, err := os.ReadFile(path)
		all += fmt.Sprintf("--- %s\n%s", path, b)
		if err != nil {
			all += err.Error() + "\n"
		}
	}
	return all
}
