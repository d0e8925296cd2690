//go:build linux

package main

import (
	"encoding/binary"
	"os"
	"strconv"
	"strings"
	"syscall"
	"unsafe"
)

// greet says hello and what the container looks like from within.
func greet() int {
	return say("Hello from berth!\n" +
		"This container was started by berth from an image that the daemon carries within itself.\n" +
		"Try: run berth/hello serve :80   run berth/hello sleep 10   run berth/hello env\n\n" +
		surroundings())
}

// surroundings lists what can be seen, a line each; what cannot is left out.
func surroundings() string {
	var b strings.Builder
	line := func(name, value string) {
		if value != "" {
			b.WriteString(name + strings.Repeat(" ", max(1, 12-len(name))) + value + "\n")
		}
	}
	host, _ := os.Hostname()
	line("hostname", host)
	line("pid", strconv.Itoa(os.Getpid()))
	line("user", strconv.Itoa(os.Getuid())+":"+strconv.Itoa(os.Getgid()))
	line("processes", processes())
	line("memory", memoryLimit())
	line("eth0", address("eth0"))
	for _, ns := range []string{"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"} {
		link, _ := os.Readlink("/proc/self/ns/" + ns)
		line(ns, link)
	}
	return b.String()
}

func processes() string {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return ""
	}
	n := 0
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err == nil {
			n++
		}
	}
	return strconv.Itoa(n)
}

// memoryLimit reads the limit of cgroup v2 or v1, in bytes.
func memoryLimit() string {
	for _, file := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		p, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		text := strings.TrimSpace(string(p))
		if n, err := strconv.ParseUint(text, 10, 64); err == nil && n < 1<<60 {
			return text + " bytes"
		}
		return "unlimited"
	}
	return ""
}

// address is an interface's IPv4 address: netdevice(7), SIOCGIFADDR.
func address(name string) string {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	defer syscall.Close(fd)
	var ifreq [40]byte
	copy(ifreq[:syscall.IFNAMSIZ-1], name)
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), syscall.SIOCGIFADDR, uintptr(unsafe.Pointer(&ifreq)))
	if errno != 0 || binary.NativeEndian.Uint16(ifreq[16:]) != syscall.AF_INET {
		return ""
	}
	parts := make([]string, 4)
	for i := range parts {
		parts[i] = strconv.Itoa(int(ifreq[20+i]))
	}
	return strings.Join(parts, ".")
}
