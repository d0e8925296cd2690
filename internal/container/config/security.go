package config

import (
	"slices"
	"strconv"
	"strings"

	"github.com/moby/sys/capability"

	"berth/internal/fault"
	"berth/internal/runtime"
)

// Security is what the --security-opt words say.
type Security struct {
	NoNewPrivs bool
	Unconfined bool   // no seccomp filter
	Profile    []byte // a seccomp profile of the user's, as JSON; nil means the default
}

// ParseSecurity reads the words of --security-opt. Errors are fault.Invalid, and
// fault.Unsupported for options that this engine does not have.
func ParseSecurity(opts []string) (Security, error) {
	var sec Security
	for _, opt := range opts {
		key, value, found := strings.Cut(opt, "=")
		if !found {
			key, value, found = strings.Cut(opt, ":")
		}
		switch {
		case key == "no-new-privileges":
			on := true
			if found {
				var err error
				if on, err = strconv.ParseBool(value); err != nil {
					return sec, fault.New(fault.Invalid, "invalid --security-opt 2: %q", opt)
				}
			}
			sec.NoNewPrivs = on
		case key == "seccomp" && value == "unconfined":
			sec.Unconfined = true
		case key == "seccomp" && (value == "builtin" || value == "default"):
		case key == "seccomp" && found:
			sec.Profile = []byte(value)
		case key == "apparmor" && value == "unconfined", key == "label" && value == "disable":
			// Neither is ever on here.
		case key == "apparmor" || key == "label" || key == "systempaths" || key == "writable-cgroups":
			return sec, fault.New(fault.Unsupported, "the security option %s is not supported yet", key)
		case found:
			return sec, fault.New(fault.Invalid, "invalid --security-opt 2: %q", opt)
		default:
			return sec, fault.New(fault.Invalid, "invalid --security-opt 1: %q", opt)
		}
	}
	return sec, nil
}

// Capabilities returns the container's capability set, as CAP_ names.
func Capabilities(h HostConfig) ([]string, error) {
	all := knownCapabilities()
	add, err := capabilityNames("CapAdd", h.CapAdd, all)
	if err != nil {
		return nil, err
	}
	drop, err := capabilityNames("CapDrop", h.CapDrop, all)
	if err != nil {
		return nil, err
	}
	switch {
	case h.Privileged:
		return runtime.AvailableCapabilities(), nil
	case slices.Contains(add, "ALL"):
		return slices.DeleteFunc(runtime.AvailableCapabilities(), func(c string) bool { return slices.Contains(drop, c) }), nil
	case slices.Contains(drop, "ALL"):
		return append([]string{}, add...), nil // never nil, which would mean the default set
	}
	set := slices.DeleteFunc(runtime.DefaultCapabilities(), func(c string) bool { return slices.Contains(drop, c) })
	for _, c := range add {
		if !slices.Contains(set, c) {
			set = append(set, c)
		}
	}
	return set, nil
}

func capabilityNames(field string, words, known []string) ([]string, error) {
	var names []string
	for _, w := range words {
		name := strings.ToUpper(w)
		if name != "ALL" && !strings.HasPrefix(name, "CAP_") {
			name = "CAP_" + name
		}
		if name != "ALL" && !slices.Contains(known, name) {
			return nil, fault.New(fault.Invalid, "invalid %s: unknown capability: %q", field, name)
		}
		names = append(names, name)
	}
	return names, nil
}

// knownCapabilities are those of this kernel.
func knownCapabilities() []string {
	last, err := capability.LastCap()
	if err != nil {
		last = capability.CAP_CHECKPOINT_RESTORE
	}
	var names []string
	for _, c := range capability.ListKnown() {
		if c <= last {
			names = append(names, "CAP_"+strings.ToUpper(c.String()))
		}
	}
	return names
}
