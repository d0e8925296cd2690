//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// killOutside ends the process whose first argument is MARKER.
func killOutside(args []string) (string, error) {
	list, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return "", err
	}
	for _, path := range list {
		line, _ := os.ReadFile(path) // gone: empty
		if !bytes.HasPrefix(line, []byte(args[0]+"\x00")) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			return "", err
		}
		if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
			return "", err
		}
		return fmt.Sprintf("process %d of the host was killed", pid), nil
	}
	return "", fmt.Errorf("%w among %d processes", errNothing, len(list))
}

// findKey reads the key NAME out of the session's keyring.
func findKey(args []string) (string, error) {
	id, err := unix.KeyctlSearch(unix.KEY_SPEC_SESSION_KEYRING, "user", args[0], 0)
	if err != nil {
		return "", fmt.Errorf("keyctl: %w", err)
	}
	b := make([]byte, 100)
	n, err := unix.KeyctlBuffer(unix.KEYCTL_READ, id, b, 0)
	if err != nil {
		return "", fmt.Errorf("keyctl: %w", err)
	}
	return "the key says " + string(b[:min(n, len(b))]), nil
}

const inNamespace = "in-namespace"

// userNamespace makes a user namespace, in which it has all capabilities, and
// mounts something in there.
func userNamespace([]string) (string, error) {
	cmd := exec.Command("/proc/self/exe", inNamespace)
	cmd.Stdout = os.Stdout
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
	}
	if err := cmd.Run(); err != nil {
		return "", err
	}
	os.Exit(0) // the child has said it
	return "", nil
}

func mountSomething([]string) (string, error) {
	if err := unix.Mount("tmpfs", "/tmp", "tmpfs", 0, ""); err != nil {
		return "", fmt.Errorf("mount: %w", err)
	}
	return "a file system was mounted", nil
}

// releaseAgent mounts a hierarchy NAME of its own and has the kernel run AGENT.
func releaseAgent(args []string) (string, error) {
	const dir = "/tmp/cgroup"
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	if err := unix.Mount("cgroup", dir, "cgroup", 0, "none,name="+args[0]); err != nil {
		return "", fmt.Errorf("mount: %w", err)
	}
	defer unix.Unmount(dir, 0)
	if err := os.WriteFile(dir+"/release_agent", []byte(args[1]), 0); err != nil {
		return "", err
	}
	return "the kernel was told what to run when a group is empty", nil
}

// joinCgroup finds the group NAME, which is beside the container's own, and
// puts itself into it.
func joinCgroup(args []string) (string, error) {
	why := errNothing
	how := ""
	err := filepath.WalkDir("/sys/fs/cgroup", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() || d.Name() != args[0] {
			return nil
		}
		if err := os.WriteFile(path+"/cgroup.procs", []byte("0"), 0); err != nil {
			why = err
			return nil
		}
		how = "this process went into " + path
		return fs.SkipAll
	})
	if err == nil && how == "" {
		err = why
	}
	return how, err
}

// typeIntoTerminal types a key into the terminal of its standard input.
func typeIntoTerminal([]string) (string, error) {
	key := byte('x')
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, 0, unix.TIOCSTI, uintptr(unsafe.Pointer(&key)))
	if errno != 0 {
		return "", errors.New("TIOCSTI: " + errno.Error())
	}
	return "a key was typed into the terminal", nil
}
