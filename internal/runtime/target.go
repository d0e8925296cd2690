//go:build linux

package runtime

import (
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"berth/internal/program"
)

// mountpoint is where a mount goes, and what to make there when the image has
// nothing.
type mountpoint struct {
	path    string // absolute and clean
	what    string // for step names: "mount /srv on /data"
	resolve uint64
	either  bool // a directory or, when the mount is one, a file
	made    bool // it is there for certain
}

// attach moves a detached mount to its place. The place is opened once and
// the mount put on what was opened, so that nothing can be swapped between.
// An image seldom lacks the place; then the steps that make it run.
func attach(b *builder, tree program.Arg, at mountpoint) {
	open := b.open("find "+at.path, "the mount goes on what was opened, whatever happens to the name", at.path, unix.O_PATH, at.resolve)
	move := b.move(at.what, "the image has the place", tree, program.Res(open))
	if at.made {
		return
	}
	b.on(open, unix.ENOENT, b.here())
	ends := []int{move}

	dir, name := parents(b, at)
	var isFile int
	if at.either {
		isFile = b.add("see if the source of "+at.path+" is a directory", "the place has to be of the same kind", unix.SYS_OPENAT,
			tree, program.Str("."), program.Imm(unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC), program.Imm(0))
	}
	mkdir(b, dir, name, at.path)
	made := b.open("find "+at.path+" again", "it is there now", at.path, unix.O_PATH, at.resolve)
	ends = append(ends, b.move(at.what, "the place has been made", tree, program.Res(made)))
	if at.either {
		b.on(isFile, unix.ENOTDIR, b.here())
		file := b.add("make the file "+at.path, "a file is mounted on a file", unix.SYS_OPENAT2, program.Imm(cwd), b.pathArg(at.path),
			how(unix.O_CREAT|unix.O_RDONLY|unix.O_NONBLOCK, 0o755, at.resolve), program.Imm(unix.SizeofOpenHow))
		ends = append(ends, b.move(at.what, "the place has been made", tree, program.Res(file)))
	}
	for _, step := range ends {
		b.okTo(step, b.here())
	}
}

// parents makes the directories above a place and returns the last of them
// and the name in it. Every one is opened as it is followed, so a symbolic
// link among them leads to somewhere in the container's root.
func parents(b *builder, at mountpoint) (program.Arg, string) {
	dir, made := program.Imm(cwd), ""
	parts := strings.Split(strings.TrimPrefix(at.path, "/"), "/")
	for _, part := range parts[:len(parts)-1] {
		mkdir(b, dir, part, path.Join(made, part))
		made = path.Join(made, part)
		dir = program.Res(b.open("find "+made, "the next directory goes into it", made, unix.O_PATH|unix.O_DIRECTORY, at.resolve))
	}
	return dir, parts[len(parts)-1]
}

func mkdir(b *builder, dir program.Arg, name, full string) {
	b.add("make the directory "+full, "a mount needs a place", unix.SYS_MKDIRAT, dir, b.pathArg(name), program.Imm(0o755))
	b.tolerate(unix.EEXIST, unix.EROFS)
}

// makeWorkdir makes the working directory when the image lacks it.
func makeWorkdir(b *builder, dir string) {
	at := mountpoint{path: path.Clean(dir), resolve: inRoot}
	if at.path == "/" {
		return
	}
	open := b.open("find the working directory", "it is made when it is not there", at.path, unix.O_PATH, at.resolve)
	b.on(open, unix.EACCES, open+1)
	b.on(open, unix.ENOENT, open+1)
	parent, name := parents(b, at)
	mkdir(b, parent, name, at.path)
	b.tolerate(unix.EACCES)
	b.okTo(open, b.here())
}
