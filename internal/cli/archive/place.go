// Package archive copies files as `cp` does between a container and this
// machine: it decides what is copied where under which name, packs what goes,
// and unpacks what comes without trusting it.
package archive

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Place is a source or a destination of a copy.
type Place struct {
	Path      string // as it was asked for, links that are to be followed resolved
	Dir, Base string // the directory and the entry in it; "." for its whole content
	Exists    bool
	IsDir     bool
	// Rebase is the name that the user knows a source by, when it is another one
	// than Base because a link was followed.
	Rebase string
}

// Name is what a source is called where it arrives.
func (p Place) Name() string {
	if p.Rebase != "" {
		return p.Rebase
	}
	return p.Base
}

const maxLinks = 10 // of a destination that are followed

// InContainer is a place in a container, whose paths have slashes on every
// client.
func InContainer(p string) Place {
	clean := path.Clean(p)
	if path.Base(p) == "." {
		clean += "/."
	}
	// Not path.Join: it would take the dot away again.
	place := Place{Path: p, Dir: path.Dir(clean), Base: path.Base(clean)}
	return place
}

// local is a place on this machine.
func local(p string) Place {
	clean := filepath.Clean(p)
	if filepath.Base(p) == "." {
		clean += string(filepath.Separator) + "."
	}
	return Place{Path: p, Dir: filepath.Dir(clean), Base: filepath.Base(clean)}
}

// Absolute makes a path of this machine absolute, and keeps the slash or the dot
// at its end, which say what is meant by it.
func Absolute(p string) (string, error) {
	abs, err := filepath.Abs(p)
	if err != nil {
		return "", err
	}
	const sep = string(filepath.Separator)
	switch {
	case filepath.Base(p) == "." && filepath.Base(abs) != ".":
		abs = strings.TrimSuffix(abs, sep) + sep + "."
	case endsInSlash(p) && !endsInSlash(abs):
		abs += sep
	}
	return abs, nil
}

func endsInSlash(p string) bool { return p != "" && os.IsPathSeparator(p[len(p)-1]) }

// wantsDir reports a path that can only be a directory's.
func wantsDir(p string) bool {
	return endsInSlash(p) || strings.HasSuffix(p, "/") || path.Base(p) == "."
}

// Source finds what is to be copied from this machine. A link at the end is
// followed when that is asked for, or when a slash behind it says so; links
// before it always are.
func Source(p string, follow bool) (Place, error) {
	resolved, err := resolve(p, follow)
	if err != nil {
		return Place{}, err
	}
	info, err := os.Lstat(resolved)
	if err != nil {
		return Place{}, err
	}
	place := local(resolved)
	place.Exists, place.IsDir = true, info.IsDir()
	if filepath.Base(p) != filepath.Base(resolved) {
		place.Rebase = filepath.Base(p)
	}
	return place, nil
}

func resolve(p string, follow bool) (string, error) {
	const sep = string(filepath.Separator)
	dir, base := filepath.Split(p)
	if follow {
		dir, base = p, ""
	}
	resolved, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "", err
	}
	switch {
	case !follow:
		resolved = strings.TrimSuffix(resolved, sep) + sep + base
	case filepath.Base(p) == ".":
		resolved = strings.TrimSuffix(resolved, sep) + sep + "."
	case endsInSlash(p):
		resolved = strings.TrimSuffix(resolved, sep) + sep
	}
	return resolved, nil
}

// Target finds where on this machine a copy goes. Links are followed, and what
// is not there yet needs a directory to be made in.
func Target(p string) (Place, error) {
	asked := p
	for range maxLinks + 1 {
		info, err := os.Lstat(p)
		if errors.Is(err, fs.ErrNotExist) {
			return newTarget(p)
		}
		if err != nil {
			return Place{}, err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			place := local(p)
			place.Exists, place.IsDir = true, info.IsDir()
			return place, nil
		}
		to, err := os.Readlink(p)
		if err != nil {
			return Place{}, err
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(local(p).Dir, to)
		}
		p = to
	}
	return Place{}, fmt.Errorf("too many symlinks in %s", asked)
}

func newTarget(p string) (Place, error) {
	place := local(p)
	parent, err := os.Stat(place.Dir)
	if err != nil {
		return Place{}, err
	}
	if !parent.IsDir() {
		return Place{}, errors.New("not a directory")
	}
	return place, nil
}

// FollowedTo is a source in a container that is a link, followed: what the
// daemon is asked for is its target, and the name stays.
func FollowedTo(p, target string) Place {
	if !path.IsAbs(target) {
		target = path.Join(InContainer(p).Dir, target)
	}
	switch {
	case path.Base(p) == "." && path.Base(target) != ".":
		target = strings.TrimSuffix(target, "/") + "/."
	case strings.HasSuffix(p, "/") && !strings.HasSuffix(target, "/"):
		target += "/"
	}
	place := InContainer(target)
	if path.Base(p) != path.Base(target) {
		place.Rebase = path.Base(p)
	}
	return place
}

// Plan says in which directory a copy is unpacked and what its first name
// becomes there: the source's own below a directory that exists, else the
// destination's.
func Plan(from, to Place) (dir, name string, err error) {
	switch {
	case to.Exists && to.IsDir:
		return to.Path, from.Name(), nil
	case to.Exists && from.IsDir:
		return "", "", errors.New("cannot copy directory")
	case !to.Exists && !from.IsDir && wantsDir(to.Path):
		return "", "", errors.New("no such directory")
	}
	return to.Dir, to.Base, nil
}
