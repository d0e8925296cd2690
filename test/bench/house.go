package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The bench lives in a house of its own: a process, a mount and (per engine,
// see room.go) network namespaces, so that nothing it starts can outlive it,
// however it ends. Three processes: outside makes the house and sweeps after
// it, init (process 1 of the house) reaps orphans such as shims, bench measures.

// outside makes the house, waits for it and removes what namespaces do not
// take with them: the run's directory and control groups.
func (o *options) outside() error {
	o.stamp = fmt.Sprintf("berth-bench-%d", os.Getpid())
	if err := os.MkdirAll(filepath.Join(o.cache, o.stamp), 0o711); err != nil {
		return err
	}
	before := topGroups()
	defer func() {
		os.RemoveAll(filepath.Join(o.cache, o.stamp))
		for _, dir := range topGroups() {
			if !slices.Contains(before, dir) && isOurs(dir, o.stamp) {
				removeGroups(dir)
			}
		}
	}()
	if err := o.fetchPeers(); err != nil {
		return err
	}
	cmd, err := o.again("init")
	if err != nil {
		return err
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() {
		<-signals
		cmd.Process.Kill() // and with process 1 all of the house
	}()
	return cmd.Wait()
}

// again is this program in another role, with the same options.
func (o *options) again(role string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "-role", role, "-stamp", o.stamp, "-only", o.only, "-engines", o.engines, "-bin", o.bin, "-cache", o.cache,
		"-quick="+strconv.FormatBool(o.quick), "-v="+strconv.FormatBool(o.verbose))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd, nil
}

// reapUntilDone is process 1 of the house.
func reapUntilDone() error {
	for _, m := range []struct {
		source, target, fstype string
		flags                  uintptr
	}{{"", "/", "", unix.MS_PRIVATE | unix.MS_REC}, {"proc", "/proc", "proc", 0}, {"tmpfs", "/run", "tmpfs", 0}} {
		if err := unix.Mount(m.source, m.target, m.fstype, m.flags, ""); err != nil {
			return fmt.Errorf("mount %s: %w", m.target, err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	args := slices.Clone(os.Args[1:])
	args[slices.Index(args, "init")] = "bench"
	child, err := os.StartProcess(self, append([]string{self}, args...), &os.ProcAttr{Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}})
	if err != nil {
		return err
	}
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		if pid == child.Pid {
			os.Exit(status.ExitStatus())
		}
	}
}

// topGroups lists the first level of every control group hierarchy.
func topGroups() (dirs []string) {
	for _, pattern := range []string{"/sys/fs/cgroup/*", "/sys/fs/cgroup/*/*"} {
		found, _ := filepath.Glob(pattern)
		for _, dir := range found {
			if _, err := os.Stat(filepath.Join(dir, "cgroup.procs")); err == nil {
				dirs = append(dirs, dir)
			}
		}
	}
	return dirs
}

// isOurs says whether a new control group comes from this run: its own parent,
// or the fixed names that peers make beside the parent they were given.
func isOurs(dir, stamp string) bool {
	return slices.Contains([]string{stamp, "libpod_parent", "libpod", "docker", coldParent}, filepath.Base(dir))
}

// removeGroups removes a control group and those below it. Their processes
// have just been killed and may take a moment to leave.
func removeGroups(top string) {
	for range 50 {
		var dirs []string
		filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				dirs = append(dirs, path)
			}
			return nil
		})
		for _, dir := range slices.Backward(dirs) {
			os.Remove(dir)
		}
		if _, err := os.Stat(top); err != nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}
