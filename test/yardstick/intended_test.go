//go:build linux

package yardstick

import (
	"path"
	"regexp"
)

// choice is what every runtime decides for itself in nearly every bundle. Both
// sides are rewritten before they are compared.
type choice struct {
	section, pattern, to, why string
}

func choices() []choice {
	return []choice{
		{"mountinfo", `^(/(?:proc|data)\S*) /null .*$`, "$1 hidden", "a file is hidden with the host's null device or with the container's own"},
		{"mountinfo", `^(/\S+) / ro,\S* +tmpfs tmpfs .*$`, "$1 an empty directory", "the empty tmpfs over a hidden directory has a size and a mode, or has not"},
		{"mountinfo", `^(/proc/\S+) (/\S*) ro,\S* +proc proc \S+$`, "$1 $2 ro", "crun's read-only remount of a path forgets nosuid, nodev and noexec of the mount that it is in; ours and runc's do not"},
		{"mountinfo", `^(/sys / \S+ +sysfs sysfs) \S+$`, "$1", "sysfs is one file system for a network namespace: whether that or only the mount is read-only makes no difference inside"},
		{"status", `^SigIgn: .*$`, "", "a container of ours ignores no signal, whatever its caller ignores"},
		{"dev", `^.* core -> /proc/kcore$`, "", "runc makes /dev/core, which leads to a path that is hidden"},
	}
}

// rewritten is a section after everybody's choices.
func rewritten(section string, lines []string) (out []string) {
	for _, line := range lines {
		for _, c := range choices() {
			if c.section == section {
				line = regexp.MustCompile(c.pattern).ReplaceAllString(line, c.to)
			}
		}
		if line != "" {
			out = append(out, line)
		}
	}
	return out
}

// difference is one that is wanted. Names are patterns.
type difference struct {
	name, peer, section, why string
}

func differences() []difference {
	return []difference{
		{"propagation-unbindable", "runc", "code", "runc 1.1 cannot bind the root after it has made it unbindable"},
		{"propagation-shared", "runc", "mountinfo", "runc 1.1 makes the root private again behind pivot_root; the spec wants it shared, as crun does"},
		{"no-dev-mount", "runc", "mountinfo", "runc hides files with a device that it has made in the root file system"},
		{"no-dev-mount", "crun", "script", "crun makes a console where there is no terminal"},
		{"devpts-plain", "crun", "mountinfo", "crun adds options that were not asked for"},
		{"tmpfs-copyup*", "crun", "script", "crun does not know tmpcopyup's second half: the mode of what is covered, which the mount's own mode must not change in runc's way"},
		{"tmpfs-*", "runc", "script", "runc 1.1 gives a tmpfs the mode of the directory that it covers even where the options name one; the kernel's and crun's default is 1777"},
		{"bind-through-link-out", "crun", "code", "crun cannot follow a link to a place that is not there yet; runc makes it"},
		{"bind-through-link-out", "crun", "script", "for the same reason"},
		{"bind-contradictions", "crun", "*", "the last of ro and rw wins; with crun a flag that was set once stays"},
		{"bind-unbindable", "crun", "mountinfo", "crun 1.8 loses the propagation of a bind mount without rec"},
		{"bind-shared", "crun", "mountinfo", "for the same reason"},
		{"hook-*", "crun", "code", "a failed start is 1, as runc's is; crun hands on what waiting for the hook gave it"},
		{"refused-maps-without-namespace", "*", "code", "runc 1.1 and crun ignore the mappings; later ones of runc refuse them"},
		{"refused-namespace-twice", "crun", "code", "the spec forbids it; crun takes the last"},
		{"refused-relative-cwd", "crun", "code", "the spec forbids it; crun takes it from the root"},
		{"refused-no-args", "crun", "code", "a refusal is a 1"},
		{"cgroup-devices", "crun", "script", "crun allows /dev/console without a terminal"},
		{"cgroup-devices", "runc", "script", "runc 1.1 allows /dev/net/tun in every container; later ones do not"},
		{"cgroup-pids-unlimited", "crun", "*", "crun 1.8 writes -1, which the kernel refuses"},
		{"cgroup-cpu-unlimited", "crun", "*", "crun 1.8 reads -1 as unsigned"},
		{"cgroup-mount", "crun", "script", "crun shows directories of controllers that the host has not mounted"},
		{"seccomp-flags", "runc", "code", "runc 1.1 of Debian knows no flags"},
		{"domain-name", "runc", "proc", "runc 1.1 is older than the field"},
		{"personality", "runc", "*", "runc 1.1 is older than the field"},
		{"user-namespace*", "crun", "mountinfo", "crun adds nosuid and noexec to the devices that it binds; ours and runc's are as the host's"},
		{"terminal*", "crun", "mountinfo", "ours and runc's console has the flags of /dev/pts, which it is from"},
	}
}

// owed are differences that are faults of ours, not mended yet.
func owed() []difference {
	return []difference{
		{"terminal-size", "runc", "script", "runc sometimes sets the size of its caller's terminal, which has none, over the config's"},
		{"user-namespace*", "*", "dev", "/dev/mqueue belongs to nobody"},
		{"without-mount", "*", "*", "refused: it would run on the host's files, with the host's root"},
	}
}

// intended says whether a difference is one of the table's.
func intended(name, peer, section string) bool {
	for _, d := range append(differences(), owed()...) {
		if match(d.name, name) && match(d.peer, peer) && match(d.section, section) {
			return true
		}
	}
	return false
}

func match(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}
