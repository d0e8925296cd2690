//go:build linux

package bundle

import (
	"slices"
	"strings"
)

// probe prints what a container can see of itself, in sections.
const probe = `
exec 2>&1
echo "== id"; id -u; id -g; id -G; umask; pwd
echo "== env"; env | sort
echo "== status"; cat /proc/self/status
echo "== limits"; cat /proc/self/limits
echo "== mountinfo"; cat /proc/self/mountinfo
echo "== fds"; for f in 0 1 2 3 4 5 6 7; do [ -e /proc/$$/fd/$f ] && echo $f; done
echo "== dev"; ls -lnA /dev
echo "== proc"; cat /proc/self/oom_score_adj /proc/self/personality /proc/sys/kernel/hostname /proc/sys/kernel/domainname; cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups
echo "== namespaces"; ls -l /proc/self/ns
echo "== cgroup"; cat /proc/self/cgroup
echo "== links"; ls /sys/class/net
`

// Result is what a container did.
type Result struct {
	Code int
	Out  string
}

// Context is what Normalise must know of a run.
type Context struct {
	Dir        string            // the bundle
	Namespaces map[string]string // the host's, by link: "pid:[4026531836]" is "host"
}

// Sections splits what a container printed. What came before the probe is the
// section "script".
func Sections(out string) map[string][]string {
	sections, name := map[string][]string{}, "script"
	for _, line := range strings.Split(strings.ReplaceAll(out, "\r", ""), "\n") {
		if title, ok := strings.CutPrefix(line, "== "); ok {
			name = title
			sections[name] = nil
			continue
		}
		sections[name] = append(sections[name], line)
	}
	return sections
}

// Normalise takes out of a container's sections what differs from one run to
// the next, and what a runtime is free to choose.
func Normalise(out string, in Context) map[string][]string {
	sections := Sections(out)
	for name, lines := range sections {
		var kept []string
		for _, line := range lines {
			line = strings.ReplaceAll(line, in.Dir, "BUNDLE")
			if line = normaliseLine(name, line, in); line != "" {
				kept = append(kept, line)
			}
		}
		if name == "mountinfo" || name == "dev" {
			slices.Sort(kept)
		}
		sections[name] = kept
	}
	return sections
}

func normaliseLine(section, line string, in Context) string {
	switch section {
	case "status":
		return statusLine(line)
	case "mountinfo":
		return mountLine(line)
	case "dev":
		return deviceLine(line)
	case "namespaces":
		return namespaceLine(line, in)
	case "cgroup":
		return "" // the path is the runtime's to choose; cases look inside
	}
	return strings.TrimRight(line, " ")
}

// statusLine keeps the lines of /proc/self/status that a runtime decides.
func statusLine(line string) string {
	name, value, _ := strings.Cut(line, ":")
	switch name {
	case "Name", "Umask", "Uid", "Gid", "Groups", "SigBlk", "SigIgn", "SigCgt", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs",
		"Seccomp", "Seccomp_filters", "Speculation_Store_Bypass", "SpeculationIndirectBranch", "Cpus_allowed_list", "Mems_allowed_list", "CoreDumping", "THP_enabled":
		return name + ": " + strings.Join(strings.Fields(value), " ")
	}
	return ""
}

// mountLine drops the numbers of /proc/self/mountinfo: root, place, options,
// propagation, kind, source and the file system's own options are left.
func mountLine(line string) string {
	before, after, ok := strings.Cut(line, " - ")
	fields := strings.Fields(before)
	if !ok || len(fields) < 6 {
		return line
	}
	var peers []string
	for _, field := range fields[6:] {
		name, _, _ := strings.Cut(field, ":")
		peers = append(peers, name)
	}
	rest := strings.Fields(after)
	if len(rest) == 3 {
		options := strings.Split(rest[2], ",")
		slices.Sort(options)
		rest[2] = strings.Join(options, ",")
	}
	return strings.Join([]string{fields[4], fields[3], fields[5], strings.Join(peers, ","), strings.Join(rest, " ")}, " ")
}

// deviceLine drops a device's time and a directory's size: mode, owner,
// numbers and name are left.
func deviceLine(line string) string {
	fields := strings.Fields(line)
	if len(fields) < 9 {
		return "" // the total
	}
	keep := []string{fields[0], fields[2], fields[3]}
	if fields[0][0] == 'c' || fields[0][0] == 'b' {
		return strings.Join(append(keep, append(fields[4:6:6], fields[9:]...)...), " ")
	}
	return strings.Join(append(keep, fields[8:]...), " ")
}

// namespaceLine says whose a namespace is.
func namespaceLine(line string, in Context) string {
	head, link, _ := strings.Cut(line, " -> ")
	kind, _, is := strings.Cut(link, ":")
	if !is || strings.HasSuffix(head, "_for_children") {
		return ""
	}
	if whose, ok := in.Namespaces[link]; ok {
		return kind + " " + whose
	}
	return kind + " its own"
}
