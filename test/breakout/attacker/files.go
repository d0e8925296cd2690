//go:build linux

package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// makeDevice makes the character device MAJOR MINOR and opens it.
func makeDevice(args []string) (string, error) {
	major, err := strconv.ParseUint(args[0], 10, 32)
	if err != nil {
		return "", err
	}
	minor, err := strconv.ParseUint(args[1], 10, 32)
	if err != nil {
		return "", err
	}
	const path = "/tmp/device"
	if err := unix.Mknod(path, unix.S_IFCHR|0o600, int(unix.Mkdev(uint32(major), uint32(minor)))); err != nil {
		return "", fmt.Errorf("mknod: %w", err)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	return "a device of the host's is open", f.Close()
}

// writeSysctl writes the value that PATH has to it, which changes nothing.
func writeSysctl(args []string) (string, error) {
	value, err := os.ReadFile(args[0])
	if err != nil {
		return "", err
	}
	f, err := os.OpenFile(args[0], os.O_WRONLY, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if _, err := f.Write(value); err != nil {
		return "", err
	}
	return args[0] + " of the host was written", nil
}

// openForWriting opens PATH for writing. It writes nothing.
func openForWriting(args []string) (string, error) {
	f, err := os.OpenFile(args[0], os.O_WRONLY, 0)
	if err != nil {
		return "", err
	}
	return args[0] + " can be written", f.Close()
}

// writeSysfs opens something below /sys for writing. It writes nothing.
func writeSysfs([]string) (string, error) {
	why := errNothing
	found := errors.New("found")
	how := ""
	err := filepath.WalkDir("/sys/kernel", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil
		}
		if info, err := d.Info(); err != nil || info.Mode()&0o200 == 0 {
			return nil
		}
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			why = err
			return nil
		}
		f.Close()
		how = path + " can be written"
		return found
	})
	if errors.Is(err, found) {
		return how, nil
	}
	return "", why
}

// read reads something from PATH.
func read(args []string) (string, error) {
	f, err := os.Open(args[0])
	if err != nil {
		return "", err
	}
	defer f.Close()
	b := make([]byte, 1)
	if _, err := f.Read(b); errors.Is(err, io.EOF) {
		return "", errors.New(args[0] + " is empty")
	} else if err != nil {
		return "", err
	}
	return args[0] + " can be read", nil
}

// sees reads TEXT in PATH: a file that something else was to write, elsewhere.
func sees(args []string) (string, error) {
	b, err := os.ReadFile(args[0])
	if err != nil {
		return "", err
	}
	if !bytes.Contains(b, []byte(args[1])) {
		return "", fmt.Errorf("%s holds %q", args[0], b)
	}
	return "the runtime wrote to " + args[0], nil
}

// misses looks for PATH, which a mount was to bring.
func misses(args []string) (string, error) {
	if _, err := os.Stat(args[0]); err == nil {
		return "", errors.New(args[0] + " is in the container")
	}
	return "what was to be mounted here lies elsewhere", nil
}

// findMount looks for the mount of the host's directory SOURCE below the
// container's root.
func findMount(args []string) (string, error) {
	b, err := os.ReadFile("/proc/self/mountinfo") // unreachable ones are not in it
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 4 && strings.HasSuffix(f[3], args[0]) {
			return "", errors.New("it is in the container")
		}
	}
	return "what was to be mounted here lies elsewhere", nil
}

// writeConsole opens /dev/console, which is to be a terminal.
func writeConsole([]string) (string, error) {
	f, err := os.OpenFile("/dev/console", os.O_WRONLY|unix.O_NOCTTY, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil {
		return "", err
	}
	if st.Type != unix.PROC_SUPER_MAGIC {
		return "", errors.New("/dev/console is no file of the kernel's")
	}
	return "/dev/console is a file of /proc that can be written", nil
}

// lookUpFromCwd looks for MARKER in the working directory and above it.
func lookUpFromCwd(args []string) (string, error) {
	up := ""
	for range 12 {
		if _, err := os.Stat(up + args[0]); err == nil {
			return "the working directory leads to " + up + args[0], nil
		}
		up += "../"
	}
	cwd, err := os.Getwd()
	return "", errors.Join(fmt.Errorf("nothing is above %s", cwd), err)
}

// useDescriptors looks for MARKER by way of every descriptor that is open.
func useDescriptors(args []string) (string, error) {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return "", err
	}
	for _, e := range list {
		path := "/proc/self/fd/" + e.Name() + "/" + args[0]
		if _, err := os.Stat(path); err == nil {
			return "a descriptor was left open: " + path, nil
		}
	}
	return "", fmt.Errorf("%w among %d descriptors", errNothing, len(list)-1)
}

// openByHandle opens the file that TYPE HEX is the handle of, in the file
// system that the container's FILE is in.
func openByHandle(args []string) (string, error) {
	kind, err := strconv.ParseInt(args[1], 10, 32)
	if err != nil {
		return "", err
	}
	handle, err := hex.DecodeString(args[2])
	if err != nil {
		return "", err
	}
	at, err := os.Open(args[0])
	if err != nil {
		return "", err
	}
	defer at.Close()
	fd, err := unix.OpenByHandleAt(int(at.Fd()), unix.NewFileHandle(int32(kind), handle), unix.O_RDONLY)
	if err != nil {
		return "", fmt.Errorf("open_by_handle_at: %w", err)
	}
	f := os.NewFile(uintptr(fd), "handle")
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		return "", err
	}
	return "a file of the host's says " + strings.TrimSpace(string(b)), nil
}

// swap exchanges two names in a shared volume as fast as it can, for as long
// as it is let.
func swap(args []string) (string, error) {
	fmt.Println("swapping")
	for {
		if err := unix.Renameat2(unix.AT_FDCWD, args[0], unix.AT_FDCWD, args[1], unix.RENAME_EXCHANGE); err != nil {
			return "", err
		}
	}
}
