//go:build linux

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

func (l *lane) initramfs() string { return l.work + "/initramfs" }

// buildInitramfs writes what the kernel starts with: our init and the modules,
// numbered in the order of loading. Everything else is on the disk.
func (l *lane) buildInitramfs(ctx context.Context) error {
	guest := l.work + "/init"
	if err := command(ctx, goEnv(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", guest, "./test/vm/guest"); err != nil {
		return err
	}
	dirs, err := filepath.Glob(l.kernel + "/lib/modules/*")
	if err != nil || len(dirs) != 1 {
		return fmt.Errorf("%s is not one unpacked kernel package (%v)", l.kernel, err)
	}
	order, err := loadOrder(dirs[0])
	if err != nil {
		return err
	}
	out, err := os.Create(l.initramfs())
	if err != nil {
		return err
	}
	defer out.Close()
	a := archive{w: bufio.NewWriter(out)}
	for _, dir := range []string{"dev", "proc", "sys", "disk", "modules"} {
		a.entry(dir, 0o040755, nil)
	}
	a.file("init", 0o100755, guest)
	for i, path := range order {
		a.file(fmt.Sprintf("modules/%03d-%s", i, filepath.Base(path)), 0o100644, path)
	}
	a.entry("TRAILER!!!", 0, nil)
	if a.err == nil {
		a.err = a.w.Flush()
	}
	return a.err
}

// archive writes the "newc" form of cpio(5), which the kernel unpacks
// (Documentation/driver-api/early-userspace/buffer-format.rst): a header of
// hexadecimal fields, the name with a NUL, and the data, each padded to 4 bytes.
type archive struct {
	w     *bufio.Writer
	inode int
	err   error // the first one
}

func (a *archive) file(name string, mode int, path string) {
	data, err := os.ReadFile(path)
	if err != nil && a.err == nil {
		a.err = err
	}
	a.entry(name, mode, data)
}

func (a *archive) entry(name string, mode int, data []byte) {
	if a.err != nil {
		return
	}
	a.inode++
	// inode, mode, uid, gid, links, mtime, size, device (2), special (2), name's size, checksum
	fields := []int{a.inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0}
	header := "070701"
	for _, f := range fields {
		header += fmt.Sprintf("%08X", f)
	}
	for _, part := range []string{header + name + "\x00", string(data)} {
		_, a.err = io.WriteString(a.w, part+"\x00\x00\x00"[:-len(part)&3])
		if a.err != nil {
			return
		}
	}
}
