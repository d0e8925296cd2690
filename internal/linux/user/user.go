//go:build linux

// Package user finds users and groups in a container's own files.
package user

import (
	"io"
	"os"
	"slices"
	"strconv"

	"github.com/moby/sys/user"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/linux/mount"
)

// User is who a process is to be.
type User struct {
	UID, GID uint32
	Groups   []uint32 // supplementary; GID comes first
	Home     string   // "/" when the passwd file does not say
}

// Lookup finds what Docker's --user says: "", "name", "uid", "name:group",
// "uid:gid". Names are looked for in /etc/passwd and /etc/group inside root
// (an O_PATH descriptor will do); numbers need no entry. groups are further
// groups by name or number (--group-add). A missing file counts as empty.
// Errors are Invalid, in Docker's words.
func Lookup(root *os.File, spec string, groups []string) (User, error) {
	passwd, err := open(root, "/etc/passwd")
	if err != nil {
		return User{}, err
	}
	defer passwd.Close()
	group, err := open(root, "/etc/group")
	if err != nil {
		return User{}, err
	}
	defer group.Close()
	found, err := user.GetExecUser(spec, &user.ExecUser{Home: "/"}, passwd, group)
	if err != nil {
		return User{}, fault.As(fault.Invalid, err)
	}
	u := User{UID: uint32(found.Uid), GID: uint32(found.Gid), Home: found.Home}
	// The user's own group is among them: a program that changes its group must
	// not get rid of what a mode like 0707 forbids that group (CVE-2022-36109).
	gids := append([]int{found.Gid}, found.Sgids...)
	if len(groups) > 0 {
		if _, err := group.Seek(0, io.SeekStart); err != nil {
			return User{}, fault.Wrap(fault.Internal, err, "The container's /etc/group cannot be read")
		}
		if slices.Contains(groups, "") { // which the package below does not expect
			return User{}, fault.New(fault.Invalid, "unable to find group : %v", user.ErrNoGroupEntries)
		}
		more, err := user.GetAdditionalGroups(groups, group)
		if err != nil {
			return User{}, fault.As(fault.Invalid, err)
		}
		slices.Sort(more) // they come out of a map
		gids = append(gids, more...)
	}
	seen := map[int]bool{}
	for _, gid := range gids {
		if !seen[gid] {
			seen[gid] = true
			u.Groups = append(u.Groups, uint32(gid))
		}
	}
	return u, nil
}

// database is a passwd or group file, or the nothing that stands for a missing one.
type database interface {
	io.ReadSeeker
	io.Closer
}

// open opens a file of the container's. Anything but a regular file counts as
// missing, and is not opened: reading a pipe would block, and a device of the
// host's, which an image may have there, can act when it is opened (a watchdog
// starts to count).
func open(root *os.File, name string) (database, error) {
	place, err := mount.OpenIn(root, name, unix.O_PATH)
	if fault.Is(err, fault.NotFound) {
		return nothing{}, nil
	}
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "The container's %s cannot be read", name)
	}
	defer place.Close()
	if st, err := place.Stat(); err != nil || !st.Mode().IsRegular() {
		return nothing{}, nil
	}
	file, err := os.Open("/proc/self/fd/" + strconv.Itoa(int(place.Fd())))
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "The container's %s cannot be read", name)
	}
	return file, nil
}

type nothing struct{}

func (nothing) Read([]byte) (int, error)       { return 0, io.EOF }
func (nothing) Seek(int64, int) (int64, error) { return 0, nil }
func (nothing) Close() error                   { return nil }
