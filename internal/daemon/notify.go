package daemon

import (
	"net"
	"os"
	"strings"
)

// notifyReady tells systemd that the daemon answers (sd_notify(3)); elsewhere
// nobody listens and nothing happens.
func notifyReady() error {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return nil
	}
	if name, abstract := strings.CutPrefix(path, "@"); abstract {
		path = "\x00" + name
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Write([]byte("READY=1\n"))
	return err
}
