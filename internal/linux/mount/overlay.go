//go:build linux

package mount

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// Overlay makes a detached overlay mount of the lower directories, the top-most
// first, with an upper and a work directory on one file system; without an
// upper it is read-only. Nothing appears in the host's mount table. options
// are overlay's own ("volatile", "metacopy=on"). The caller closes the file;
// when it is the last one the mount goes away.
//
// Kernels from 6.5 take the directories one by one. Older ones want a single
// string, which fsconfig(2) limits to 255 bytes; there a thrown-away thread
// mounts in a mount namespace of its own.
func Overlay(lowers []string, upper, work string, options ...string) (*os.File, error) {
	if len(lowers) == 0 || (upper == "") != (work == "") {
		return nil, fault.New(fault.Internal, "An overlay needs lower directories, and either both of upper and work or neither.")
	}
	overlay := overlayOld
	if takesLowerPlus() {
		overlay = overlayNew
	}
	file, err := overlay(lowers, upper, work, options)
	return file, fault.Wrap(fault.Internal, err, "The container's file system cannot be mounted")
}

// WholeLayers are the options by which an upper directory holds all that is changed, and
// can be read without the layers below it: on a few kernels overlays write references to those
// (overlayfs.rst, "redirect_dir", "metacopy"). None where that is so anyway.
func WholeLayers() (options []string) {
	for _, name := range []string{"redirect_dir", "metacopy"} {
		value, err := os.ReadFile("/sys/module/overlay/parameters/" + name)
		if err == nil && strings.HasPrefix(string(value), "Y") {
			options = append(options, name+"=off")
		}
	}
	return options
}

// takesLowerPlus tells whether overlay has the option lowerdir+: from Linux 6.5.
// Trying is no way to know. Older kernels collect whatever options they get,
// and refuse the mount with the same error as for any other reason, and with a
// line in the kernel's log for each container.
func takesLowerPlus() bool {
	var uts unix.Utsname
	if unix.Uname(&uts) != nil {
		return false
	}
	var major, minor int
	if n, _ := fmt.Sscanf(unix.ByteSliceToString(uts.Release[:]), "%d.%d", &major, &minor); n != 2 {
		return false
	}
	return major > 6 || major == 6 && minor >= 5
}

func overlayNew(lowers []string, upper, work string, options []string) (*os.File, error) {
	fs, err := unix.Fsopen("overlay", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("fsopen", err)
	}
	defer unix.Close(fs)
	for _, lower := range lowers {
		if err := setDir(fs, "lowerdir+", lower); err != nil {
			return nil, explain(fs, "lower directory "+lower, err)
		}
	}
	if upper != "" {
		if err := setDir(fs, "upperdir", upper); err != nil {
			return nil, explain(fs, "upper directory "+upper, err)
		}
		if err := setDir(fs, "workdir", work); err != nil {
			return nil, explain(fs, "work directory "+work, err)
		}
	}
	for _, option := range options {
		if err := setOption(fs, option); err != nil {
			return nil, explain(fs, "option "+option, err)
		}
	}
	if err := unix.FsconfigCreate(fs); err != nil {
		return nil, explain(fs, "mount", err)
	}
	fd, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("fsmount", err)
	}
	return os.NewFile(uintptr(fd), "overlay"), nil
}

// setDir sets a directory by its path. A path of 256 bytes or more does not
// fit into fsconfig(2), and backslashes are special in some of the options
// only; then the directory's descriptor stands for it. Colons and commas are
// not special here.
func setDir(fs int, key, dir string) error {
	if len(dir) < 256 && !strings.Contains(dir, `\`) {
		return unix.FsconfigSetString(fs, key, dir)
	}
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.FsconfigSetString(fs, key, procFd(fd))
}

func procFd(fd int) string { return "/proc/thread-self/fd/" + strconv.Itoa(fd) }

func setOption(fs int, option string) error {
	if key, value, ok := strings.Cut(option, "="); ok {
		return unix.FsconfigSetString(fs, key, value)
	}
	return unix.FsconfigSetFlag(fs, option)
}

// explain adds what the kernel has to say: a file system context can be read
// for messages (fs_context, "e overlay: ...").
func explain(fs int, what string, err error) error {
	var buf [512]byte
	n, readErr := unix.Read(fs, buf[:])
	if readErr != nil || n <= 2 {
		return &os.PathError{Op: "overlay", Path: what, Err: err}
	}
	return &os.PathError{Op: "overlay", Path: what + " (" + strings.TrimSpace(string(buf[2:n])) + ")", Err: err}
}

// overlayOld mounts with mount(2) on a thread that never comes back: it has a
// mount namespace and a working directory of its own, where each directory
// has a short name, and clones the mount to take it out of there.
func overlayOld(lowers []string, upper, work string, options []string) (file *os.File, err error) {
	err = aside(func() error {
		file, err = overlayAway(lowers, upper, work, options)
		return err
	})
	return file, err
}

// overlayAway runs on the thrown-away thread.
func overlayAway(lowers []string, upper, work string, options []string) (*os.File, error) {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return nil, os.NewSyscallError("unshare", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return nil, os.NewSyscallError("mount private", err)
	}
	names := &shortNames{}
	defer names.close()
	lower, err := names.list(lowers)
	if err != nil {
		return nil, err
	}
	data := []string{"lowerdir=" + lower}
	if upper != "" {
		upperName, err := names.name(upper)
		if err != nil {
			return nil, err
		}
		workName, err := names.name(work)
		if err != nil {
			return nil, err
		}
		data = append(data, "upperdir="+upperName, "workdir="+workName)
	}
	data = append(data, options...)
	target := lowers[0] // any directory will do: the namespace ends with the thread
	if err := unix.Mount("overlay", target, "overlay", 0, strings.Join(data, ",")); err != nil {
		for _, dir := range lowers { // the kernel tells its log only which one it was
			if _, err := os.Stat(dir); err != nil {
				return nil, err
			}
		}
		return nil, &os.PathError{Op: "overlay", Path: strings.Join(data, ","), Err: err}
	}
	fd, err := unix.OpenTree(unix.AT_FDCWD, target, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("open_tree", err)
	}
	return os.NewFile(uintptr(fd), "overlay"), nil
}

// shortNames gives directories short names for mount(2), whose data is one
// page: names relative to their common parent, which becomes the thread's
// working directory, or else the names of descriptors.
type shortNames struct{ fds []int }

func (s *shortNames) list(dirs []string) (string, error) {
	short := make([]string, len(dirs))
	parent := commonParent(dirs)
	total := 0
	for i, dir := range dirs {
		rel, err := filepath.Rel(parent, dir)
		if err != nil {
			return "", err
		}
		short[i] = escape(rel)
		total += len(short[i]) + 1
	}
	if total > 3500 {
		for i, dir := range dirs {
			name, err := s.name(dir)
			if err != nil {
				return "", err
			}
			short[i] = name
		}
	}
	return strings.Join(short, ":"), os.NewSyscallError("chdir", unix.Chdir(parent))
}

// name opens a directory and returns the name of the descriptor.
func (s *shortNames) name(dir string) (string, error) {
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", &os.PathError{Op: "open", Path: dir, Err: err}
	}
	s.fds = append(s.fds, fd)
	return procFd(fd), nil
}

func (s *shortNames) close() {
	for _, fd := range s.fds {
		unix.Close(fd)
	}
}

// commonParent is the deepest directory that holds all of dirs.
func commonParent(dirs []string) string {
	parent := filepath.Dir(dirs[0])
	for _, dir := range dirs[1:] {
		for parent != "/" && !strings.HasPrefix(dir, parent+"/") {
			parent = filepath.Dir(parent)
		}
	}
	return parent
}

// escape protects what overlay's option string takes for separators.
func escape(name string) string {
	return strings.NewReplacer(`\`, `\\`, ":", `\:`, ",", `\,`).Replace(name)
}
