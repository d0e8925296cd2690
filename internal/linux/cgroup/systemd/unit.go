//go:build linux

package systemd

import (
	"path"
	"strings"

	"berth/internal/fault"
)

// Unit is a container's scope.
type Unit struct {
	Slice string // "system.slice"
	Name  string // "berth-ID.scope"
}

// Parse reads a spec's cgroupsPath for the systemd driver, "slice:prefix:name"
// as runc reads it: an empty path is "system.slice:berth:ID", an empty slice is
// system.slice, and a name that ends in ".slice" is a slice itself, which is refused.
func Parse(cgroupsPath, id string) (Unit, error) {
	if cgroupsPath == "" {
		cgroupsPath = "system.slice:berth:" + id
	}
	parts := strings.Split(cgroupsPath, ":")
	if len(parts) != 3 {
		return Unit{}, fault.New(fault.Invalid, "expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups, got %q instead", cgroupsPath)
	}
	u := Unit{Slice: parts[0], Name: parts[2]}
	if u.Slice == "" {
		u.Slice = "system.slice"
	}
	if _, err := Expand(u.Slice); err != nil {
		return Unit{}, err
	}
	if strings.HasSuffix(u.Name, ".slice") {
		return Unit{}, fault.New(fault.Unsupported, "A container as a slice (%s) is not supported.", u.Name)
	}
	if parts[1] != "" {
		u.Name = parts[1] + "-" + u.Name
	}
	u.Name += ".scope"
	if len(u.Name) > 255 || strings.Trim(u.Name, nameChars) != "" {
		return Unit{}, fault.New(fault.Invalid, "%q is not a name for a unit of systemd", u.Name)
	}
	return u, nil
}

// nameChars are what a unit's name may have (systemd.unit(5)).
const nameChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@"

// Expand is a slice's place in the tree: "a-b.slice" is below "a.slice"
// (systemd.slice(5)).
func Expand(slice string) (string, error) {
	name, ok := strings.CutSuffix(slice, ".slice")
	bad := !ok || name == "" || strings.Trim(slice, nameChars) != "" || len(slice) > 255
	if !bad && name == "-" {
		return "/", nil
	}
	dir, prefix := "/", ""
	for part := range strings.SplitSeq(name, "-") {
		if bad || part == "" {
			return "", fault.New(fault.Invalid, "invalid slice name: %s", slice)
		}
		dir = path.Join(dir, prefix+part+".slice")
		prefix += part + "-"
	}
	return dir, nil
}

// Group is the unit's control group, below every hierarchy's root.
func (u Unit) Group() string {
	dir, _ := Expand(u.Slice) // which Parse has tried
	return path.Join(dir, u.Name)
}

// Of is the unit whose group a path is.
func Of(group string) Unit { return Unit{Slice: path.Base(path.Dir(group)), Name: path.Base(group)} }
