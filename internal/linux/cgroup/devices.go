package cgroup

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/fault"
)

// setDevices writes the device rules. No rules mean no restriction; with
// rules, what none of them allows is denied.
func (g *Group) setDevices(rules []specs.LinuxDeviceCgroup) error {
	if len(rules) == 0 {
		return nil
	}
	todo, err := deviceSteps(rules)
	if err != nil {
		return err
	}
	p, ok := g.place("devices")
	if !ok || !p.Unified {
		return write(g, todo)
	}
	code, err := deviceProgram(rules)
	if err != nil {
		return err
	}
	return attachDevices(p.Dir, code)
}

// deviceSteps are version 1's writes: everything is denied first, as a new
// group starts with what its parent may do.
func deviceSteps(rules []specs.LinuxDeviceCgroup) (steps, error) {
	var out steps
	out.add("devices", "devices.deny", "a")
	for _, r := range rules {
		d, err := readRule(r)
		if err != nil {
			return nil, err
		}
		file := "devices.deny"
		if r.Allow {
			file = "devices.allow"
		}
		if d.kind == 'a' && d.access == accessAll {
			out.add("devices", file, "a")
			continue
		}
		// "a" with numbers or an access means everything to the kernel, so it
		// is spelled out.
		for _, kind := range strings.Split(strings.ReplaceAll(string(d.kind), "a", "bc"), "") {
			out.add("devices", file, fmt.Sprintf("%s %s:%s %s", kind, star(d.major), star(d.minor), d.letters()))
		}
	}
	return out, nil
}

// Bits of struct bpf_cgroup_dev_ctx's access_type (include/uapi/linux/bpf.h).
const (
	accessMknod = 1
	accessRead  = 2
	accessWrite = 4
	accessAll   = accessMknod | accessRead | accessWrite
)

// device is a rule that has been checked; -1 is any number.
type device struct {
	allow        bool
	kind         byte // 'a', 'b', 'c'
	major, minor int64
	access       int32
}

func (d device) letters() string {
	var s string
	for _, l := range []struct {
		bit    int32
		letter string
	}{{accessRead, "r"}, {accessWrite, "w"}, {accessMknod, "m"}} {
		if d.access&l.bit != 0 {
			s += l.letter
		}
	}
	return s
}

func star(n int64) string {
	if n < 0 {
		return "*"
	}
	return fmt.Sprint(n)
}

// readRule checks one OCI rule. An absent access means all.
func readRule(r specs.LinuxDeviceCgroup) (device, error) {
	d := device{allow: r.Allow, kind: 'a', major: -1, minor: -1, access: accessAll}
	switch r.Type {
	case "", "a":
	case "b", "c":
		d.kind = r.Type[0]
	case "u":
		d.kind = 'c'
	default:
		return d, fault.New(fault.Invalid, "%q is not a type of a device cgroup rule.", r.Type)
	}
	for _, n := range []struct {
		from *int64
		to   *int64
	}{{r.Major, &d.major}, {r.Minor, &d.minor}} {
		if n.from == nil {
			continue
		}
		if *n.from < -1 || *n.from > 1<<31-1 {
			return d, fault.New(fault.Invalid, "%d is not a device number.", *n.from)
		}
		*n.to = *n.from
	}
	if r.Access != "" {
		d.access = 0
	}
	for _, letter := range r.Access {
		bit := map[rune]int32{'r': accessRead, 'w': accessWrite, 'm': accessMknod}[letter]
		if bit == 0 {
			return d, fault.New(fault.Invalid, "%q is not an access of a device cgroup rule.", r.Access)
		}
		d.access |= bit
	}
	if d.kind == 'a' && (d.major >= 0 || d.minor >= 0) {
		// Version 1 reads such a rule as "everything"; nobody means that.
		return d, fault.New(fault.Invalid, "A device cgroup rule for all types cannot name a device number.")
	}
	return d, nil
}

// explainDevices is the error of a program that did not get in.
func explainDevices(err error, dir string) error {
	return fault.Wrap(fault.Internal, err, "The device rules of %s cannot be set", filepath.Base(dir))
}
