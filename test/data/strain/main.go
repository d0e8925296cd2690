//go:build linux

// Command strain does random things to the files of a directory, the same for the same seed, and prints
// what came of each: whoever runs it in two places compares what it prints. `strain show DIR` prints what
// the directory holds then.
package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "show" {
		if err := show(os.Args[2]); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) != 4 {
		fmt.Println("usage: strain show DIR | strain SEED COUNT DIR")
		os.Exit(2)
	}
	seed, err1 := strconv.ParseUint(os.Args[1], 10, 64)
	count, err2 := strconv.Atoi(os.Args[2])
	if err := errors.Join(err1, err2, os.Chdir(os.Args[3])); err != nil {
		fmt.Println(err)
		os.Exit(2)
	}
	unix.Umask(0o022)
	s := &strain{rand.New(rand.NewPCG(seed, seed))}
	all := s.operations()
	for i := range count {
		op := all[s.IntN(len(all))]
		what, err := op()
		fmt.Println(i, what, outcome(err))
	}
}

// outcome is an error without where it was.
func outcome(err error) string {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return unix.ErrnoName(errno)
	}
	return fmt.Sprint(err)
}

// strain chooses.
type strain struct{ *rand.Rand }

// name is one of a few, so that operations meet.
func (s *strain) name() string {
	parts := make([]string, 1+s.IntN(3))
	for i := range parts {
		parts[i] = string(rune('a' + s.IntN(6)))
	}
	return strings.Join(parts, "/")
}

func (s *strain) operations() []func() (string, error) {
	one := func(what string, do func(string) error) func() (string, error) {
		return func() (string, error) {
			n := s.name()
			return what + " " + n, do(n)
		}
	}
	two := func(what string, do func(string, string) error) func() (string, error) {
		return func() (string, error) {
			a, b := s.name(), s.name()
			return what + " " + a + " " + b, do(a, b)
		}
	}
	rename := func(flags uint) func(string, string) error {
		return func(a, b string) error { return unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, flags) }
	}
	return []func() (string, error){
		one("mkdir", func(n string) error { return unix.Mkdir(n, 0o755) }),
		one("mkdir", func(n string) error { return unix.Mkdir(n, 0o755) }),
		one("write", s.write), one("write", s.write), one("write", s.write),
		one("truncate", func(n string) error { return unix.Truncate(n, int64(s.IntN(1<<20))) }),
		one("allocate", s.allocate),
		one("unlink", unix.Unlink), one("rmdir", unix.Rmdir),
		two("rename", rename(0)), two("rename no replace", rename(unix.RENAME_NOREPLACE)), two("exchange", rename(unix.RENAME_EXCHANGE)),
		two("link", unix.Link), two("symlink", unix.Symlink),
		one("fifo", func(n string) error { return unix.Mkfifo(n, 0o640) }),
		one("socket", func(n string) error { return unix.Mknod(n, unix.S_IFSOCK|0o600, 0) }),
		one("chmod", func(n string) error { return unix.Chmod(n, uint32(s.IntN(0o10000))) }),
		one("chown", func(n string) error { return unix.Lchown(n, s.IntN(3), s.IntN(3)) }),
		one("set attribute", func(n string) error {
			return unix.Lsetxattr(n, "user."+string(rune('a'+s.IntN(3))), make([]byte, s.IntN(100)), s.IntN(3))
		}),
		one("remove attribute", func(n string) error { return unix.Lremovexattr(n, "user.a") }),
		one("acl", func(n string) error { return unix.Setxattr(n, "system.posix_acl_access", acl(s.IntN(8)), 0) }),
		one("default acl", func(n string) error { return unix.Setxattr(n, "system.posix_acl_default", acl(s.IntN(8)), 0) }),
		one("times", func(n string) error {
			return unix.UtimesNanoAt(unix.AT_FDCWD, n, []unix.Timespec{{Sec: 1}, {Sec: int64(s.IntN(1 << 30)), Nsec: int64(s.IntN(1e9))}}, unix.AT_SYMLINK_NOFOLLOW)
		}),
		two("nameless", s.nameless), two("copy range", s.copyRange),
		one("list", func(n string) error {
			entries, err := os.ReadDir(n)
			fmt.Print(len(entries), " ")
			return err
		}),
	}
}

// acl is user::rwx, user:7:the mode, group::r-x, mask::rwx, other::r--.
func acl(mode int) []byte {
	return []byte{2, 0, 0, 0, 1, 0, 7, 0, 255, 255, 255, 255, 2, 0, byte(mode), 0, 7, 0, 0, 0, 4, 0, 5, 0, 255, 255, 255, 255, 16, 0, 7, 0, 255, 255, 255, 255, 32, 0, 4, 0, 255, 255, 255, 255}
}

func (s *strain) bytes() []byte {
	p := make([]byte, 1+s.IntN(20000))
	for i := range p {
		p[i] = byte(s.Uint32())
	}
	return p
}

func (s *strain) write(name string) error {
	flags := []int{os.O_CREATE, os.O_CREATE | os.O_EXCL, os.O_CREATE | os.O_TRUNC, os.O_APPEND, 0, unix.O_NOFOLLOW | os.O_CREATE}[s.IntN(6)]
	p, at := s.bytes(), int64(s.IntN(1<<20))
	// Without a reader this is refused for a fifo, and does not wait for one.
	fd, err := unix.Open(name, unix.O_WRONLY|unix.O_NONBLOCK|flags, 0o666)
	if err != nil {
		return err
	}
	_, err = unix.Pwrite(fd, p, at)
	return errors.Join(err, unix.Fsync(fd), unix.Close(fd))
}

func (s *strain) allocate(name string) error {
	modes := []uint32{0, unix.FALLOC_FL_KEEP_SIZE, unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE, unix.FALLOC_FL_ZERO_RANGE}
	mode, at, length := modes[s.IntN(len(modes))], int64(s.IntN(1<<18)), int64(1+s.IntN(1<<18))
	fd, err := unix.Open(name, unix.O_RDWR|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	return errors.Join(unix.Fallocate(fd, mode, at, length), unix.Close(fd))
}

// nameless makes a file that gets its name when it is complete.
func (s *strain) nameless(dir, name string) error {
	p := s.bytes()
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_WRONLY, 0o604)
	if err != nil {
		return err
	}
	_, err = unix.Write(fd, p)
	if err == nil {
		err = unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), unix.AT_FDCWD, name, unix.AT_SYMLINK_FOLLOW)
	}
	return errors.Join(err, unix.Close(fd))
}

func (s *strain) copyRange(from, to string) error {
	length := 1 + s.IntN(1<<16)
	in, err := unix.Open(from, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer unix.Close(in)
	out, err := unix.Open(to, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	n, err := unix.CopyFileRange(in, nil, out, nil, length, 0)
	fmt.Print(n, " ")
	return errors.Join(err, unix.Close(out))
}

// show prints a line for each name: what it is, whose, and what it holds.
func show(dir string) error {
	if err := os.Chdir(dir); err != nil {
		return err
	}
	return filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		fmt.Printf("%s %o %d:%d", path, st.Mode, st.Uid, st.Gid)
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFREG:
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			h := sha256.New()
			_, err = io.Copy(h, f)
			if err := errors.Join(err, f.Close()); err != nil {
				return err
			}
			fmt.Printf(" %d nlink=%d %x", st.Size, st.Nlink, h.Sum(nil)[:6])
		case unix.S_IFLNK:
			to, err := os.Readlink(path)
			if err != nil {
				return err
			}
			fmt.Print(" -> ", to)
		}
		for _, name := range []string{"user.a", "user.b", "user.c", "system.posix_acl_access", "system.posix_acl_default"} {
			value := make([]byte, 200)
			if n, err := unix.Lgetxattr(path, name, value); err == nil {
				fmt.Printf(" %s=%x", name, value[:n])
			}
		}
		fmt.Println()
		return nil
	})
}
