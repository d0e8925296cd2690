//go:build linux

package bundle

import (
	"os"
	"regexp"
	"slices"
	"strings"
)

// Deep goes on where the probe ends, with what two runtimes need not have alike, and
// two ways of starting in one must.
const Deep = `
echo "== birth"; cut -d' ' -f1,2,4-9,18-20,38,40,41 /proc/1/stat
echo "== init"; cat /proc/1/status
echo "== nature"; cd /proc/1; grep -s '' personality timens_offsets timerslack_ns coredump_filter oom_score_adj loginuid sessionid cpuset attr/*
busybox tr '\0' '\n' < environ; busybox ionice -p 1; busybox taskset -p 1; cd /
echo "== descriptors"; ls -l /proc/1/fd /proc/self/fd; grep flags /proc/1/fdinfo/*
echo "== keys"; cat /proc/keys /proc/key-users
echo "== processes"; ls -d /proc/[0-9]*; cat /proc/sysvipc/* /proc/sys/kernel/ns_last_pid
echo "== network"; ip addr; cat /proc/net/route /proc/net/if_inet6
echo "== files"; busybox stat -f -c '%n %t %S %b' / /dev /dev/shm /dev/mqueue /proc /sys; ls -lnA /dev/pts /dev/shm /dev/mqueue
busybox find / -xdev -exec stat -c '%A %u %g %h %N' {} +
echo "== sysctl"; busybox find /proc/sys -type f -exec grep -s '' {} /dev/null +
echo "== groups"; cat /proc/self/cgroup; busybox find /sys/fs/cgroup -type f -exec grep -s '' {} /dev/null +
echo "== writable"; for f in /proc/sys/kernel/shmmni /proc/sysrq-trigger /sys /dev /dev/shm /proc/kcore /proc/keys /sys/fs/cgroup /; do [ -w $f ] && echo $f; done
true
`

// HostNamespaces are those that this process is in, as Context wants them.
func HostNamespaces() (map[string]string, error) {
	found := map[string]string{}
	for _, kind := range strings.Fields("pid net ipc uts user cgroup time") {
		link, err := os.Readlink("/proc/self/ns/" + kind)
		if err != nil {
			return nil, err
		}
		found[link] = "the host's"
	}
	return found, nil
}

// Exactly is Normalise with what Deep prints, and with the order of the mounts: of two
// runs by one runtime, all that is left is the same.
func Exactly(out string, in Context) map[string][]string {
	sections, raw, noise := Normalise(out, in), Sections(out), noise()
	if len(raw["mountinfo"]) > 0 {
		sections["order of mounts"] = mountOrder(raw["mountinfo"])
	}
	for name, lines := range sections {
		var kept []string
		for _, line := range lines {
			if name == "init" {
				line = statusLine(line)
			}
			for _, n := range noise {
				if line != "" && (n.section == "" || n.section == name) {
					line = n.pattern.ReplaceAllString(line, n.to)
				}
			}
			if line != "" {
				kept = append(kept, line)
			}
		}
		if name == "files" || name == "sysctl" || name == "groups" {
			slices.Sort(kept)
		}
		sections[name] = kept
	}
	return sections
}

type noisy struct {
	section string
	pattern *regexp.Regexp
	to      string
}

// noise is what differs between two starts in any case; a line of which nothing is left is none.
func noise() []noisy {
	hides := func(section, pattern string) noisy { return noisy{section, regexp.MustCompile(pattern), ""} }
	return []noisy{
		{"", regexp.MustCompile(`(pipe|socket|net|mnt|pid|anon_inode|time|user|uts|ipc|cgroup):\[\d+\]`), "$1"},
		{"", regexp.MustCompile(`\b[0-9a-f]{64}\b`), "ID"},
		hides("sysctl", `^/proc/sys/(kernel/random/|fs/(inode|dentry|file|quota|aio|nfs|lease|epoll)|kernel/(pty/nr|ns_last|perf_event_max|tainted|sched_domain)|net/netfilter/nf_conntrack_count|vm/stat|fs/binfmt).*$`),
		hides("keys", `^ *\d+: .*$|^[0-9a-f]{8} .*$`),
		hides("network", `^.*(qdisc|valid_lft|link/ether).*$`),
		{"network", regexp.MustCompile(`@if\d+`), "@if"},
		{"files", regexp.MustCompile(`[A-Z][a-z]{2} +\d+ +[\d:]+ `), ""},
		{"files", regexp.MustCompile(`^(dr-xr-xr-x \d+ \d+) \d+ /proc$`), "$1 /proc"},
		{"descriptors", regexp.MustCompile(`^.* (\d+ -> )(/proc/)?(.*)$`), "$1$3"}, // without the time
		hides("descriptors", `^l.* \d+$`),                                          // closed while it was listed
		hides("files", `^/(bin|proc|sys)/.*$|^total .*$`),
		hides("groups", `^.*(usage|stat|failcnt|pressure|events|current|peak|procs|tasks|clone_children|io_service|io_merged|io_queued|io_wait|sectors|_time|throttle\.io|kmem\.slabinfo|event_control|numa).*$`),
	}
}

// mountOrder is what is mounted where and in what, in the kernel's order.
func mountOrder(lines []string) (order []string) {
	at := map[string]string{}
	for _, line := range lines {
		if f := strings.Fields(line); len(f) > 5 {
			at[f[0]] = f[4]
		}
	}
	for _, line := range lines {
		if f := strings.Fields(line); len(f) > 5 {
			order = append(order, f[4]+" in "+at[f[1]])
		}
	}
	return order
}
