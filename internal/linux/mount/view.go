//go:build linux

package mount

import (
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// View is a container's file system in a mount namespace that no process is in.
// Whoever has its descriptors looks at the same files as the container, in mounts that
// the container can neither see nor change. Nothing of it is in the host's mount table.
type View struct {
	Root *os.File // O_PATH; with what Bind has put in
	Bare *os.File // O_PATH; the file system alone, whatever is mounted in it
	ns   *os.File // keeps the mounts together

	readOnly bool       // once the places for what is bound have been made
	mu       sync.Mutex // guards bound
	bound    bool
}

// Bind is a directory or a file of the host that is seen in a view.
type Bind struct {
	Source   string // on the host
	Below    string // what of Source, when not all: links lead no further than Source
	Target   string // in the view: links lead no further than its root
	ReadOnly bool   // with all mounts below it
	Alone    bool   // without what is mounted below it
	// Take makes the mount, detached, when no path on the host leads to what is seen; else nil.
	Take func() (*os.File, error)
}

// Look makes a view of a detached mount, which becomes its root: the caller's
// descriptor stays good and stays the caller's. A read-only one is so from Bind on, which makes places in it.
func Look(detached *os.File, readOnly bool) (*View, error) {
	v := &View{readOnly: readOnly}
	err := aside(func() error { return v.build(int(detached.Fd())) })
	return v.made(err)
}

// LookInto makes a view of the root of a running process's mount namespace: of
// the mount that root is a descriptor of, or with nil of the topmost one. Nothing else that
// is mounted in there belongs to the view. The error is NotFound when the process has ended.
func LookInto(process, root *os.File) (*View, error) {
	v := &View{}
	err := aside(func() error {
		home, err := ownNamespace()
		if err != nil {
			return err
		}
		defer home.Close()
		if err := unix.Setns(int(process.Fd()), unix.CLONE_NEWNS); err != nil {
			if err == unix.ESRCH {
				return &fault.Error{Kind: fault.NotFound, Err: os.NewSyscallError("setns", err)}
			}
			return os.NewSyscallError("setns", err)
		}
		dir, name, flags := unix.AT_FDCWD, "/", uint(unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
		if root != nil {
			dir, name, flags = int(root.Fd()), "", flags|unix.AT_EMPTY_PATH
		}
		tree, err := unix.OpenTree(dir, name, flags)
		if err == unix.EINVAL && root != nil { // another runtime has made a mount of its own of it
			tree, err = unix.OpenTree(unix.AT_FDCWD, "/", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
		}
		if err != nil {
			return os.NewSyscallError("open_tree", err)
		}
		defer unix.Close(tree)
		if err := unix.Setns(int(home.Fd()), unix.CLONE_NEWNS); err != nil {
			return os.NewSyscallError("setns", err)
		}
		return v.build(tree)
	})
	return v.made(err)
}

func (v *View) made(err error) (*View, error) {
	if err != nil {
		v.Close()
		return nil, fault.Wrap(fault.KindOf(err), err, "the container's file system cannot be looked at")
	}
	return v, nil
}

// build makes the namespace on a thrown-away thread: a copy of the host's, in which
// the tree is put on top and the rest is let go.
func (v *View) build(tree int) (err error) {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return os.NewSyscallError("unshare", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return os.NewSyscallError("mount private", err)
	}
	if v.ns, err = ownNamespace(); err != nil {
		return err
	}
	if err := unix.MoveMount(tree, "", unix.AT_FDCWD, "/", unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return os.NewSyscallError("move_mount", err)
	}
	if v.Root, err = reopen(tree, unix.AT_EMPTY_PATH, "root"); err != nil {
		return err
	}
	if v.Bare, err = reopen(tree, unix.AT_EMPTY_PATH|unix.OPEN_TREE_CLONE, "bare root"); err != nil {
		return err
	}
	// The copies of the host's mounts would keep what they show busy. A machine whose root
	// is its initramfs cannot let go of it (pivot_root(2)): there they go with the view.
	if unix.Fchdir(tree) == nil && unix.PivotRoot(".", ".") == nil {
		return os.NewSyscallError("umount", unix.Unmount(".", unix.MNT_DETACH))
	}
	return nil
}

// Bind puts what belongs there into the view, the first time that it is called.
// A place that is missing is made, as at a start.
func (v *View) Bind(binds []Bind) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.bound {
		return nil
	}
	trees := make([]int, 0, len(binds))
	defer func() {
		for _, fd := range trees {
			unix.Close(fd)
		}
	}()
	err := aside(func() error {
		for _, b := range binds { // still among the host's mounts
			fd, err := bindTree(b)
			if err != nil {
				return fault.Wrap(fault.Internal, err, "the mount %s cannot be looked at", b.Target)
			}
			trees = append(trees, fd)
		}
		if err := unix.Setns(int(v.ns.Fd()), unix.CLONE_NEWNS); err != nil {
			return os.NewSyscallError("setns", err)
		}
		for i, b := range binds {
			if err := v.put(trees[i], b.Target); err != nil {
				return fault.Wrap(fault.Internal, err, "the mount %s cannot be looked at", b.Target)
			}
		}
		if v.readOnly {
			return setAttributes(int(v.Root.Fd()), 0, unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY})
		}
		return nil
	})
	v.bound = err == nil
	return err
}

// bindTree is a detached copy of a bind's source, which what happens to the host's mounts does not reach.
func bindTree(b Bind) (int, error) {
	fd, err := sourceTree(b)
	if err != nil {
		return -1, err
	}
	attr := unix.MountAttr{Propagation: unix.MS_PRIVATE}
	if b.ReadOnly {
		attr.Attr_set = unix.MOUNT_ATTR_RDONLY
	}
	if err := setAttributes(fd, unix.AT_RECURSIVE, attr); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func sourceTree(b Bind) (int, error) {
	take := b.Take
	if b.Below != "" {
		take = func() (*os.File, error) { return TreeIn(b.Source, b.Below, !b.Alone) }
	}
	if take != nil {
		tree, err := take()
		if err != nil {
			return -1, err
		}
		defer tree.Close()
		return unix.FcntlInt(tree.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	}
	flags := uint(unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC)
	if !b.Alone {
		flags |= unix.AT_RECURSIVE
	}
	fd, err := unix.OpenTree(unix.AT_FDCWD, b.Source, flags)
	if err != nil {
		return -1, &os.PathError{Op: "open_tree", Path: b.Source, Err: err}
	}
	return fd, nil
}

// put moves a tree to its place, which is found by descriptors: whatever the
// container does to its links meanwhile, the place is in the view.
func (v *View) put(tree int, target string) error {
	at, err := OpenIn(v.Root, target, unix.O_PATH)
	if fault.Is(err, fault.NotFound) {
		var st unix.Stat_t
		if err := unix.Fstat(tree, &st); err != nil {
			return err
		}
		if err := MakePlace(v.Root, target, st.Mode&unix.S_IFMT == unix.S_IFDIR); err != nil {
			return err
		}
		at, err = OpenIn(v.Root, target, unix.O_PATH)
	}
	if err != nil {
		return err
	}
	defer at.Close()
	return os.NewSyscallError("move_mount", unix.MoveMount(tree, "", int(at.Fd()), "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH))
}

// ReadOnly reports that a path is on a read-only mount, and whether it is one that Bind has put in.
func (v *View) ReadOnly(name string) (readOnly, bound bool, err error) {
	f, err := OpenIn(v.Root, name, unix.O_PATH)
	if err != nil {
		return false, false, err
	}
	defer f.Close()
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &fs); err != nil {
		return false, false, os.NewSyscallError("fstatfs", err)
	}
	at, err := mountID(f)
	if err != nil {
		return false, false, err
	}
	root, err := mountID(v.Root)
	return fs.Flags&unix.ST_RDONLY != 0, at != root, err
}

func mountID(f *os.File) (uint64, error) {
	var st unix.Statx_t
	err := unix.Statx(int(f.Fd()), "", unix.AT_EMPTY_PATH, unix.STATX_MNT_ID, &st)
	return st.Mnt_id, os.NewSyscallError("statx", err)
}

// Close lets the mounts go. That may take as long as the disk needs: unmounting an
// overlay syncs its upper file system.
func (v *View) Close() {
	for _, f := range []*os.File{v.Root, v.Bare, v.ns} {
		if f != nil {
			f.Close()
		}
	}
}

func ownNamespace() (*os.File, error) {
	return os.OpenFile("/proc/thread-self/ns/mnt", os.O_RDONLY, 0)
}

func reopen(tree int, flags uint, name string) (*os.File, error) {
	fd, err := unix.OpenTree(tree, "", flags|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("open_tree", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

func setAttributes(tree int, flags uint, attr unix.MountAttr) error {
	for {
		err := unix.MountSetattr(tree, "", flags|unix.AT_EMPTY_PATH, &attr)
		if err != unix.EINTR {
			return os.NewSyscallError("mount_setattr", err)
		}
	}
}
