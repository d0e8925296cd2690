//go:build linux

package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/google/nftables"
)

// traces lists what tests and engines can leave behind on a host, a line each.
func traces() ([]string, error) {
	var list []string
	for _, look := range []func() ([]string, error){groups, mounts, processes, tables} {
		found, err := look()
		if err != nil {
			return nil, err
		}
		list = append(list, found...)
	}
	for _, dir := range []string{"/sys/class/net", "/run", "/tmp", "/dev", "/dev/shm", "/dev/mqueue"} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			list = append(list, dir+"/"+e.Name())
		}
	}
	return list, nil
}

func groups() (list []string, err error) {
	err = filepath.WalkDir("/sys/fs/cgroup", func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it has just gone
		}
		if err == nil && d.IsDir() {
			list = append(list, "cgroup "+path)
		}
		return err
	})
	return list, err
}

func mounts() (list []string, err error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(text)) {
		list = append(list, "mount "+strings.Fields(line)[4])
	}
	return list, err
}

// processes lists those that are not the kernel's, whose parent is 2.
func processes() (list []string, err error) {
	entries, err := os.ReadDir("/proc")
	for _, e := range entries {
		pid, notProcess := strconv.Atoi(e.Name())
		stat, gone := os.ReadFile("/proc/" + e.Name() + "/stat")
		if notProcess != nil || gone != nil || pid == 2 || pid == os.Getpid() {
			continue
		}
		name, rest, _ := cutLast(string(stat), ") ") // pid (name) state parent …
		if f := strings.Fields(rest); len(f) > 1 && f[1] != "2" {
			list = append(list, "process "+name+")")
		}
	}
	return list, err
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

func tables() (list []string, err error) {
	conn, err := nftables.New()
	if err != nil {
		return nil, err
	}
	found, err := conn.ListTables()
	for _, t := range found {
		list = append(list, "nftables table "+t.Name)
	}
	return list, err
}
