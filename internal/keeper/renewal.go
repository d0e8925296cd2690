//go:build linux

package keeper

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// Outdated reports whether the keeper is another file than binary: it was started before
// binary took its predecessor's place. False when that cannot be told.
func (c *Client) Outdated(binary string) bool {
	path, err := exec.LookPath(binary)
	if err != nil {
		return false
	}
	runs, err := os.Stat("/proc/" + strconv.Itoa(c.pid) + "/exe")
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && !os.SameFile(runs, there)
}

// RestoresFlag asks a keeper's binary whether it can take over from the protocol version that
// follows: it exits with 0 when it can.
const RestoresFlag = "--restores"

// Renew has the keeper execute binary in its own place. The processes that it keeps notice
// nothing, and this connection stays good; waiting sandboxes end. It is called by one at a time. Unsupported: the
// keeper, or the binary, is too old for that. Whatever the error, the keeper that there was goes on.
func (c *Client) Renew(ctx context.Context, binary string) error {
	path, err := exec.LookPath(binary)
	if err != nil {
		return fault.As(fault.Unavailable, err)
	}
	if c.version < 3 {
		return fault.New(fault.Unsupported, "the keeper is too old to be renewed; it leaves when the containers have ended")
	}
	ask := exec.CommandContext(ctx, path, RestoresFlag, strconv.Itoa(c.version))
	ask.Env = environment()
	if err := ask.Run(); err != nil {
		return fault.New(fault.Unsupported, "%s cannot take over from the keeper that runs (%v)", path, err)
	}
	dir, name, err := sealedDir(path)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "the keeper's binary cannot be opened")
	}
	defer dir.Close()
	r, err := c.exchange(ctx, request{kind: askRenew, fds: []int{rawFd(dir)}, fill: func(w *writer) { w.str(name) }})
	if err != nil {
		return err
	}
	pid, version := r.body.u32(), r.body.u32()
	if r.body.done() != nil || int(pid) != c.pid {
		return errAnswer()
	}
	c.version = int(version)
	return nil
}

// sealedDir opens the directory of a binary by way of a mount in which nobody can write, if
// such a one can be made (see sealed).
func sealedDir(binary string) (*os.File, string, error) {
	if path, tree := sealed(binary); tree != nil {
		return tree, filepath.Base(path), nil
	}
	real, err := filepath.EvalSymlinks(binary)
	if err != nil {
		return nil, "", err
	}
	dir, err := os.OpenFile(filepath.Dir(real), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	return dir, filepath.Base(real), err
}
