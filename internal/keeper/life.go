package keeper

import (
	"bytes"
	"fmt"
	"os"
	"strings"
)

// Life tells this life of the keeper from every other one: two connections have the same when
// one process is at the other end of both, also one that has renewed itself between them. It is "" when that
// cannot be told.
func Life(c *Client) string { return c.life }

// lifeOf is made of the boot, the process and when it was started, in clock ticks since the boot:
// field 22 of /proc/pid/stat (proc_pid_stat(5)), behind the name, which may hold anything.
func lifeOf(pid int) string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	const started = 22 - 3 // the third field is the first behind the name
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) <= started {
		return ""
	}
	return fmt.Sprintf("%s-%d-%s", strings.TrimSpace(string(boot)), pid, fields[started])
}
