//go:build linux

package space

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// maker is a way to make a file system in a file.
type maker struct {
	kind, program string
	arguments     func(size int64) []string
	bytes         func(size int64) int64 // of the file, so that size is left for files; 0 for sizes that it is not for
}

// block is that of the file systems, and small that of those below smallSize, in bytes: mkfs.ext4 makes no journal of
// less than 1024 blocks.
const (
	block     = 4096
	small     = 1024
	smallSize = 16 << 20
)

// makers are those that there are, the best first. ext4 does for any size; xfs is for where there is no mkfs.ext4.
func makers() []maker {
	return []maker{
		{"ext4", "mkfs.ext4", ext4Arguments, ext4Bytes},
		{"xfs", "mkfs.xfs", func(int64) []string { return []string{"-q", "-f", "-K", "-l", "size=64m"} }, xfsBytes},
	}
}

// ext4Arguments make one without reserves for root, and with an inode for each 4 KiB: it is only full when its blocks
// are used up, as a directory with a quota. What has no content takes no place in a sparse file.
func ext4Arguments(size int64) []string {
	blocks := block
	if size < smallSize {
		blocks = small
	}
	return []string{
		"-q", "-F", "-b", strconv.Itoa(blocks), "-I", "256", "-i", strconv.Itoa(block), "-m", "0", "-O", "^resize_inode",
		"-J", "size=" + strconv.FormatInt(journal(size)>>20, 10), "-E", "nodiscard,lazy_journal_init=1,lazy_itable_init=1,root_owner=0:0",
	}
}

// journal is the size of an ext4's journal, in bytes.
func journal(size int64) int64 {
	if size < smallSize {
		return 1 << 20
	}
	return min(max(size/64, 4<<20), 64<<20) &^ (1<<20 - 1)
}

// ext4Bytes adds what the file system needs for itself: the journal, what it keeps for its own metadata (2%, 16 MiB at
// most), inodes of 256 bytes for each block, and bitmaps and descriptors.
func ext4Bytes(size int64) int64 {
	all := size + journal(size) + min(size/48, 17<<20) + 512<<10
	all = all*16/15 + all/4096
	return (all + block - 1) / block * block
}

// xfsBytes adds the log, and what grows with the file system. mkfs.xfs makes none below 300 MiB.
func xfsBytes(size int64) int64 {
	all := size + size/50 + 80<<20
	if all < 300<<20 {
		return 0
	}
	return (all + block - 1) / block * block
}

// makeImage makes the file, which is on the disk when it returns. When it fails there is none.
func makeImage(name string, size int64) (err error) {
	m, path, all, err := chooseMaker(makers(), size, find)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fault.As(fault.Internal, err)
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			os.Remove(name)
		}
	}()
	if err := f.Truncate(all); err != nil {
		return fault.Wrap(fault.Invalid, err, "no file can have room for %d bytes here", size)
	}
	var said bytes.Buffer
	cmd := exec.Command(path, append(m.arguments(size), name)...)
	cmd.Stderr = &said
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	if err := cmd.Run(); err != nil {
		return fault.Wrap(fault.Internal, err, "%s makes no file system: %s", m.program, fault.Quoted(strings.TrimSpace(said.String())))
	}
	if err := f.Sync(); err != nil {
		return fault.Wrap(fault.Internal, err, "the image of a file system cannot be written")
	}
	return nil
}

// chooseMaker takes the first that is here and is for the size, with its path and the size of the file.
func chooseMaker(all []maker, size int64, find func(string) (string, error)) (maker, string, int64, error) {
	for _, m := range all {
		path, err := find(m.program)
		if n := m.bytes(size); err == nil && n > 0 {
			return m, path, n, nil
		}
	}
	return maker{}, "", 0, fault.New(fault.Unsupported, "a size needs project quotas, which this file system does not have, or mkfs.ext4, which is not installed")
}

// find looks for a program where those of the system's administrator are, whatever PATH the daemon has.
func find(program string) (string, error) {
	for _, dir := range []string{"/usr/sbin", "/sbin"} {
		if path := filepath.Join(dir, program); unix.Access(path, unix.X_OK) == nil {
			return path, nil
		}
	}
	return exec.LookPath(program)
}

// kindOf reads from a file what file system is in it.
func kindOf(image *os.File) (string, error) {
	var head [1082]byte
	if _, err := image.ReadAt(head[:], 0); err != nil {
		return "", fault.Wrap(fault.Internal, err, "the image %s cannot be read", image.Name())
	}
	switch {
	case string(head[:4]) == "XFSB":
		return "xfs", nil
	case head[1080] == 0x53 && head[1081] == 0xef:
		return "ext4", nil
	}
	return "", fault.New(fault.Internal, "the image %s has no file system", image.Name())
}

func parent(dir string) string { return filepath.Dir(dir) }
