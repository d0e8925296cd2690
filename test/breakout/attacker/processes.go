//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ahead is how many of the latest IDs are looked at: a few threads' and the
// newcomer's.
const ahead = 12

// patience bounds the wait for somebody to come into the container.
const patience = 10 * time.Second

// newcomer waits for a process that comes into the container, and lets look
// see it as often as it can, from its first moment on. The next process's ID is
// the one after the last.
func newcomer(look func(proc string, pid int) (done bool)) error {
	runtime.LockOSThread()
	first, err := lastPid()
	if err != nil {
		return err
	}
	fmt.Println("watching")
	for end := time.Now().Add(patience); time.Now().Before(end); {
		last, err := lastPid()
		if err != nil {
			return err
		}
		for pid := max(first, last-ahead) + 1; pid < last+3; pid++ {
			if look("/proc/"+strconv.Itoa(pid), pid) {
				return nil
			}
		}
	}
	return errors.New("nothing of a newcomer could be had")
}

// lastPid is the ID of the process or thread that was made last.
func lastPid() (int, error) {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0, err
	}
	f := bytes.Fields(b)
	return strconv.Atoi(string(f[len(f)-1]))
}

// watchExec reads MARKER, which is on the host, through the root of a process
// that enters the container.
func watchExec(args []string) (how string, err error) {
	err = newcomer(func(proc string, _ int) bool {
		if fd, err := unix.Open(proc+"/root"+args[0], unix.O_RDONLY, 0); err == nil {
			unix.Close(fd)
			how = "a file of the host's was opened through the process that was entering"
		} else if leak := otherMounts(proc); leak != "" {
			how = leak
		}
		return how != "" || hasBecome(proc)
	})
	if err == nil && how == "" {
		err = errors.New("the newcomer was in the container from its first moment on")
	}
	return how, err
}

// otherMounts looks whether the mount table of a process, which no permission
// guards, is another than the container's.
func otherMounts(proc string) string {
	own, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return ""
	}
	its, err := os.ReadFile(proc + "/mountinfo")
	if err != nil || len(its) == 0 || firstWord(its) == firstWord(own) {
		return ""
	}
	return "the host's mount table was read through the process that was entering"
}

func firstWord(b []byte) string {
	word, _, _ := strings.Cut(string(b), " ")
	return word
}

// hasBecome reports that a process has executed its program: this one's.
func hasBecome(proc string) bool {
	b, err := os.ReadFile(proc + "/cmdline")
	return err == nil && bytes.HasPrefix(b, []byte("/attacker\x00idle"))
}

// idle is what comes into the container for others to look at.
func idle([]string) (string, error) {
	time.Sleep(100 * time.Millisecond)
	return "", errors.New("it was idle")
}

// stay is a process that others get hold of.
func stay([]string) (string, error) {
	time.Sleep(10 * time.Minute)
	return "", errors.New("nobody came")
}

// stopExec stops whatever enters the container as soon as it can, so that
// whoever waits for it to execute its program waits for ever.
func stopExec([]string) (string, error) {
	runtime.LockOSThread()
	next, err := lastPid()
	if err != nil {
		return "", err
	}
	fmt.Println("watching")
	for {
		for pid := next + 1; pid <= next+ahead; pid++ {
			if unix.Kill(pid, unix.SIGSTOP) == nil {
				next = pid
			}
		}
	}
}

// traceExec attaches to a process that enters the container, and looks whether
// it can do more than this one.
func traceExec([]string) (how string, err error) {
	own, err := capabilities("/proc/self")
	if err != nil {
		return "", err
	}
	why := errors.New("it has no more rights than others in the container")
	err = newcomer(func(proc string, pid int) bool {
		if err := unix.PtraceSeize(pid); err != nil {
			if !errors.Is(err, unix.ESRCH) {
				why = fmt.Errorf("ptrace: %w", err)
			}
			return hasBecome(proc)
		}
		_ = unix.PtraceInterrupt(pid)
		var status unix.WaitStatus
		_, _ = unix.Wait4(pid, &status, unix.WALL, nil)
		its, err := capabilities(proc)
		if err == nil && its&^own != 0 {
			how = fmt.Sprintf("a process that was entering is traced, with the capabilities %x", its)
		}
		_ = unix.PtraceDetach(pid)
		return true
	})
	if err == nil && how == "" {
		err = why
	}
	return how, err
}

func capabilities(proc string) (uint64, error) {
	b, err := os.ReadFile(proc + "/status")
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(b), "CapEff:\t")
	return strconv.ParseUint(rest[:min(16, len(rest))], 16, 64)
}

// takeRuntime waits for a process that runs another binary than this, and
// overwrites the binary as soon as nobody runs it.
func takeRuntime([]string) (string, error) {
	var own unix.Stat_t
	if err := unix.Stat("/proc/self/exe", &own); err != nil {
		return "", err
	}
	held := -1
	err := newcomer(func(proc string, _ int) bool {
		fd, err := unix.Open(proc+"/exe", unix.O_RDONLY, 0)
		if err != nil {
			return false
		}
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil || st.Ino == own.Ino && st.Dev == own.Dev {
			unix.Close(fd)
			return false
		}
		held = fd
		return true
	})
	if err != nil {
		return "", err
	}
	fmt.Println("holding")
	path := "/proc/self/fd/" + strconv.Itoa(held)
	if err := unix.Access(path, unix.W_OK); errors.Is(err, unix.EROFS) {
		return "", fmt.Errorf("the runtime's binary: %w", err)
	}
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if errors.Is(err, unix.ETXTBSY) {
			continue // it still runs
		}
		if err != nil {
			return "", err
		}
		defer f.Close()
		_, err = f.WriteString("#!/bin/of-the-container\n")
		return "the runtime's binary was overwritten", err
	}
	return "", unix.ETXTBSY
}
