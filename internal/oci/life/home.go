//go:build linux

package life

import (
	"os"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/linux/user"
)

// giveHome sets HOME from the container's own passwd file when the spec does
// not, as runc and crun do.
func giveHome(root *os.File, p *specs.Process) error {
	for _, e := range p.Env {
		if strings.HasPrefix(e, "HOME=") && e != "HOME=" {
			return nil
		}
	}
	u, err := user.Lookup(root, strconv.FormatUint(uint64(p.User.UID), 10), nil)
	if err != nil {
		return err
	}
	p.Env = append(p.Env, "HOME="+u.Home)
	return nil
}

// ownerName is the host's name for a user; the number when it has none.
func ownerName(uid uint32) string {
	number := strconv.FormatUint(uint64(uid), 10)
	data, err := os.ReadFile("/etc/passwd")
	if err != nil {
		return "#" + number
	}
	for line := range strings.Lines(string(data)) {
		if f := strings.Split(line, ":"); len(f) > 2 && f[2] == number {
			return f[0]
		}
	}
	return "#" + number
}
